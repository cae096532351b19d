"""How a run is taken up, in what the journal's own tests do not show: its list entry, and what it is compared with."""

import asyncio

import pytest

from agentkit import Agent
from agentkit.agent.start import start
from agentkit.durable.file import RecordFile
from agentkit.durable.hold import hold
from agentkit.durable.recovery import Recovery, check_id, number_of
from agentkit.errors import ConfigurationError, RunMismatchError
from agentkit.testing import ScriptedModel


@pytest.fixture
def file(tmp_path):
    file = RecordFile(tmp_path / "runs.db")
    yield file
    file.close()


def run_of(agent, prompt, history=()):
    run = start(agent.recipe_for(), prompt, None, history)
    run.state = run.state.replace(run_id="a")
    return run


@pytest.mark.parametrize(
    ("prompt", "shown"),
    [
        ("Hello,\n  you.", "Hello, you."),
        ("x" * 80, "x" * 80),
        ("x" * 81, "x" * 79 + "…"),
        (["one", {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}, "two"], "onetwo"),
    ],
)
def test_the_list_shows_the_beginning_of_the_prompt(file, prompt, shown):
    async def main():
        await Recovery(file, "ask").begin(run_of(Agent(ScriptedModel(["Done."]), name="clerk"), prompt))
        return (await file.runs(1, None))[0]

    summary = asyncio.run(main())
    assert (summary.prompt, summary.agent, summary.status) == (shown, "clerk", "finished")


def test_a_prompt_that_only_goes_on_longer_is_another(file):
    recovery, agent = Recovery(file, "ask"), Agent(ScriptedModel(["Done."]))
    asyncio.run(recovery.begin(run_of(agent, "Pay Ann")))
    with pytest.raises(RunMismatchError) as caught:
        asyncio.run(recovery.begin(run_of(agent, "Pay Ann and Bob")))
    assert str(caught.value) == (
        "Run 'a' began with another prompt: then 'Pay Ann', now 'Pay Ann and Bob'. "
        "Give what it began with, so that it goes on, or another id to begin a run of its own."
    )


def test_a_history_that_ends_otherwise_than_in_a_prompt_is_compared_too(file):
    recovery, agent = Recovery(file, "ask"), Agent(ScriptedModel(["Done."]))
    said = [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Hello!"}]
    asyncio.run(recovery.begin(run_of(agent, None, said)))
    with pytest.raises(RunMismatchError) as caught:
        asyncio.run(recovery.begin(run_of(agent, None, [said[0], {"role": "assistant", "content": "Go!"}])))
    assert str(caught.value) == (
        "Run 'a' began with another history. "
        "Give what it began with, so that it goes on, or another id to begin a run of its own."
    )


def test_a_run_is_free_again_after_a_refusal(file):
    recovery, agent = Recovery(file, "ask"), Agent(ScriptedModel(["Done."]))
    asyncio.run(recovery.begin(run_of(agent, "One.")))
    with pytest.raises(RunMismatchError):
        asyncio.run(recovery.begin(run_of(agent, "Two.")))
    asyncio.run(hold(file, "a")).free()


def test_a_run_that_was_only_taken_has_not_begun(file):
    asyncio.run(hold(file, "a")).free()
    with pytest.raises(ConfigurationError, match="has no run 'a'"):
        asyncio.run(number_of(file, "a"))


def test_an_id_is_given_as_it_is():
    assert check_id("заказ 42") == "заказ 42"
