"""What runs below have spent: counted once, however late the run above wrote a record."""

from agentkit.agent.run import Run
from agentkit.durable.account import Account, Counted, counted_of, with_counted, without_counted
from agentkit.state import RunState, Spent
from agentkit.state.ledger import Ledger, count, count_calls
from agentkit.wire.response import Usage

STATE = RunState(
    run_id="run",
    usages=(Usage(prompt_tokens=10, completion_tokens=2),),
    usage=Usage(prompt_tokens=10, completion_tokens=2),
    costs=(0.5,),
    below=Spent(requests=1, input_tokens=4, cost=0.1),
    guessed=Spent(requests=1, output_tokens=7),
    subs={"c": RunState(run_id="run/c")},
    tool_calls=3,
)


def test_what_was_said_and_what_was_guessed_are_counted_apart_and_calls_on_their_way_too():
    counted = counted_of(STATE)
    assert counted == Counted(Spent(2, 4, 14, 2, 0.6, 0), Spent(requests=1, output_tokens=7))


def test_what_is_taken_out_of_a_state_is_put_in_again():
    below = [counted_of(STATE), Counted(Spent(requests=1, cost=0.2))]
    state = RunState(run_id="above", below=Spent(requests=9, tool_calls=9, input_tokens=99, output_tokens=9, cost=0.9))
    out = without_counted(state, below)
    assert out.below == Spent(6, 5, 85, 7, 0.1, 0)
    assert with_counted(out, below).below - state.below == Spent()


def test_an_account_is_what_the_ledger_above_has_counted_since_the_run_began():
    above, own = Ledger(), Ledger()
    run = Run(None, STATE)
    run.chain = (own, above)
    before = counted_of(STATE)
    account = Account(run)
    assert account.counted == before
    count_calls((own,), 1)  # the call whose run goes on, which was counted above before
    account.begin_batch()
    count_calls((own, above), 2)
    count((own, above), Spent(requests=1, input_tokens=5, output_tokens=1, cost=0.25))
    assert account.counted == Counted(before.spent + above.below, before.guessed)
