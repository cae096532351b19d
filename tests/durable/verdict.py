"""What is looked at after each life of a run that is killed: its ledger, its records, the requests that it sent.

A call is known by its run, turn and id, as "run/a 1 c". Whatever is not as it must be is a `WrongError`.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scene import AGENTS, EXTERNAL, IDEMPOTENT

OUTPUT = ""  # of the output's function: it has no intent on record, and runs again where the run had not ended
UNTOUCHED = {"refused", "cancelled", "denied", "given", "of an agent"}


class WrongError(Exception):
    """Something was repeated, lost, or came out otherwise."""


def check(holds: Any, what: str) -> None:
    """Hold what must be.

    Raises:
        WrongError: It is not.
    """
    if not holds:
        raise WrongError(what)


@dataclass
class Records:
    """What is on record of a run.

    Attributes:
        rows: All, as (run, kind, turn, call, data).
        begun: The tools of calls with an intent, by call.
        answered: How calls with an outcome ended.
        replied: The fingerprints of requests whose reply is on record.
    """

    rows: list[tuple[str, str, int, str, str]] = field(default_factory=list)
    begun: dict[str, str] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)
    replied: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for run_id, kind, turn, call_id, data in self.rows:
            ident, content = f"{run_id} {turn} {call_id}", json.loads(data)
            if kind == "calling":
                self.begun[ident] = content["name"]
            elif kind == "answered":
                agents = content["answer"]["tool_name"] in AGENTS
                self.answered[ident] = "of an agent" if agents else content["answer"]["status"]
            elif kind == "replied" and content.get("completion"):
                self.replied.add(content["completion"]["id"].removeprefix("chatcmpl-"))

    @property
    def doubtful(self) -> set[str]:
        """Give the calls whose outcome nobody knows and that must not simply run again."""
        return {ident for ident, tool in self.begun.items() if ident not in self.answered and tool not in IDEMPOTENT}

    @property
    def ended(self) -> bool:
        """Tell whether the run has its output on record."""
        return any(kind == "finished" and run_id.count("/") == 0 for run_id, kind, *_ in self.rows)


@dataclass
class Trial:
    """One run through all its lives.

    Attributes:
        folder: Where its ledger is.
        policy: What becomes of a doubtful call without a person's word.
        records: After the last life.
        lives: The lives so far.
        broken: How many of them ended before the run did, by a kill or an error.
        failed: Whether one ended by an error.
        words: How often a call was allowed to run (again), by whoever decides.
        given: The calls whose result was given.
        denied: What was said of calls that were not to run again.
        asked: The lives in which each request came, by its fingerprint; the endpoint's thread adds to them.
        told: What the model was told of calls.
        replied: For each life the requests whose reply was on record after it.
        doubts: How many calls were in doubt.
    """

    folder: Path
    policy: str
    records: Records = field(default_factory=Records)
    lives: int = 0
    broken: int = 0
    failed: bool = False
    words: Counter[str] = field(default_factory=Counter)
    given: set[str] = field(default_factory=set)
    denied: dict[str, str] = field(default_factory=dict)
    asked: dict[str, list[int]] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    replied: list[set[str]] = field(default_factory=list)
    doubts: int = 0

    @property
    def ledger(self) -> list[dict[str, Any]]:
        """Give the lines of the ledger."""
        path = self.folder / "ledger"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def took(self, rows: list[tuple[str, str, int, str, str]]) -> None:
        """Look at what a life that is over has left.

        Args:
            rows: The records after it.
        """
        before, after = self.records, Records(rows)
        check(after.rows[: len(before.rows)] == before.rows, "LOST: a record is gone, or another one")
        self._look_at_effects(before, after)
        if self.policy == "ask":
            silent = {one for one in before.doubtful & after.answered.keys() if not self._has_word(one)}
            check(not silent, f"in doubt, and answered without anybody's word: {silent}")
        self.records = after
        self.replied.append(after.replied)
        self.lives += 1

    def _has_word(self, ident: str) -> bool:
        return self.words[ident] > 0 or ident in self.given or ident in self.denied

    def _look_at_effects(self, before: Records, after: Records) -> None:
        lines = self.ledger
        starts, ends = (Counter(line["ident"] for line in lines if line["word"] == word) for word in ("start", "end"))
        keys: dict[str, str] = {}
        for line in lines:
            ident, tool = line["ident"], line["tool"]
            check(keys.setdefault(ident, line["key"]) == line["key"], f"{ident}: another idempotency key")
            if line["word"] != "start":
                continue
            check(tool not in EXTERNAL, f"{ident}: an external call was carried out")
            if tool == OUTPUT:
                check(line["life"] < self.lives or not before.ended, f"REPEATED: {ident}, the output's function")
                continue
            again = line["life"] == self.lives and ident in before.answered
            check(not again, f"REPEATED: {ident}, {tool}, which had its outcome on record")
            check(ident in after.begun, f"{ident}, {tool} has begun without an intent on record")
            check(starts[ident] <= self._most(ident, tool), f"REPEATED: {ident}, {tool} without anybody's word")
        for ident, status in after.answered.items():
            check(ends[ident] or status in UNTOUCHED, f"LOST: {ident} is answered ({status}) without its effect")

    def _most(self, ident: str, tool: str) -> int:
        """Give how often a call may have begun."""
        if tool in IDEMPOTENT or self.policy == "retry":
            return self.broken + 1
        return self.words[ident] + (0 if tool == "guarded" else 1)

    def waits(self, call: dict[str, Any]) -> str:
        """Look at a call that waits for a decision, and give which it is."""
        ident = f"{call['run_id']} {call['turn']} {call['id'].rpartition('/')[2]}"
        if call.get("unknown"):
            check(ident in self.records.doubtful, f"{ident} waits as in doubt, and is not")
            check(self.policy != "retry", f"{ident} waits, though it may run again")
            self.doubts += 1
        else:
            check(call["name"] in EXTERNAL | {"guarded"}, f"{ident}, {call['name']} waits for no reason")
            check(ident not in self.records.doubtful, f"{ident} waits as if it had not begun")
        return ident

    def end(self, state: dict[str, Any], expected: "Expected") -> None:
        """Look at a run that is finished."""
        ends = Counter(line["ident"] for line in self.ledger if line["word"] == "end")
        missing = {one for one in expected.calls if not ends[one] and one not in self.given and one not in self.denied}
        check(not missing, f"LOST: {missing} never happened")
        check(ends.keys() <= expected.calls, f"more has happened: {ends.keys() - expected.calls}")
        for request, lives in self.asked.items():
            check(len({*lives}) == len(lives), f"the request {request} came twice in one life")
            late = [life for life in lives if any(request in replied for replied in self.replied[:life])]
            check(not late, f"REPEATED: the model was asked {request} again, whose reply was on record")
        for ident, reason in self.denied.items():
            told = self.told | {message.get("content") for message in state["messages"]}
            check(f"Not run again: {reason}" in told, f"the model was not told that {ident} is not run again")
        compare(state, expected.state, self.denied, tool_calls=not self.doubts, anew=self.failed or self.doubts > 0)
        if not self.denied:
            strange = self.asked.keys() - expected.requests
            check(not strange, f"other requests than without a kill: {strange}")


@dataclass(frozen=True)
class Expected:
    """What a run comes to that nobody kills.

    Attributes:
        state: At its end.
        output: Of the run.
        calls: Those with an effect.
        requests: Their fingerprints.
        points: Their names in each of its lives, between which it waited.
        seconds: Of each of these.
    """

    state: dict[str, Any]
    output: Any
    calls: set[str]
    requests: set[str]
    points: list[list[str]]
    seconds: list[float]


def compare(
    state: dict[str, Any],
    expected: dict[str, Any],
    denied: dict[str, str],
    *,
    tool_calls: bool = True,
    anew: bool = False,
) -> None:
    """Compare the state at the end with that of a run that nobody killed.

    Args:
        state: The state.
        expected: That of the other run.
        denied: What is said of calls that were not to run again.
        tool_calls: Whether as many are counted: those that were given or denied are not.
        anew: Whether retries were counted anew, as after an error or a decision.
    """
    turn = 0
    told = []
    for message in expected["messages"]:
        turn += message["role"] == "assistant"
        reason = denied.get(f"{expected['run_id']} {turn} {message.get('tool_call_id')}")
        told.append(message | {"content": f"Not run again: {reason}"} if reason else message)
    for place, (one, other) in enumerate(zip(state["messages"], told, strict=False)):
        check(one == other, f"message {place} is {one} in place of {other}")
    check(len(state["messages"]) == len(told), "the history has another length")
    loose = {"messages", "seconds", "run_id"} | (set() if tool_calls else {"tool_calls"})
    loose |= {"forgiven", "refused"} if anew else set()
    if denied:  # what was not run has another text, and so other tokens
        loose |= {"usages", "usage", "costs", "below"}
    for name in (expected.keys() | state.keys()) - loose:
        one, other = (_counted(held.get(name), denied, tool_calls=tool_calls) for held in (state, expected))
        check(one == other, f"the state's `{name}` is {one!r} in place of {other!r}")


def _counted(value: Any, denied: dict[str, str], *, tool_calls: bool) -> Any:
    """Leave out what need not be the same."""
    if isinstance(value, list):
        return [_counted(one, denied, tool_calls=tool_calls) for one in value]
    if not isinstance(value, dict):
        return value
    loose = (set() if tool_calls else {"tool_calls"}) | ({"usage"} if denied else set())
    return {name: one for name, one in value.items() if name not in loose}
