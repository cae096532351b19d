"""`python tests/benchmarks/check.py`: counts of the workloads against those that were written down; a rise fails.

What is counted does not depend on the machine, so a rise is one of the code, or of a library's version: the baseline
is kept for each Python and each set of versions. `count.py` counts, in a process of its own; this compares.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_HERE = Path(__file__).resolve().parent
_MOST = 10  # percent
_LIBRARIES = {"httpx": ("httpx", "httpcore", "pydantic", "pydantic-core")}
_LIBRARIES["fast"] = (*_LIBRARIES["httpx"], "httptools")
_NETWORK = ("one_tool", "parallel", "many", "stream", "paced", "extraction", "turns", "large", "idle")
_NAMES = {"httpx": (*_NETWORK, "functions", "import"), "fast": ("one_tool", "stream", "paced")}
_TITLES = {"httpx": "plain install", "fast": "extra `fast`"}

Counts = dict[str, int]
Counted = dict[str, Counts]
Parts = dict[str, dict[str, list[int]]]


@dataclass(frozen=True, slots=True)
class Row:
    """One count beside that of the baseline."""

    workload: str
    count: str
    before: int
    now: int

    @property
    def change(self) -> float:
        """Give the rise as a share of the baseline; a fall is below 0."""
        if not self.before:
            return float("inf") if self.now else 0.0
        return self.now / self.before - 1

    def is_beyond(self, percent: int) -> bool:
        """Tell whether it changed by more than so much; below 0 is a fall."""
        moved = (self.now - self.before) * 100 - self.before * percent
        return moved > 0 if percent > 0 else moved < 0

    def __str__(self) -> str:
        return f"| {self.workload} | {self.count} | {self.before:,} | {self.now:,} | {self.change:+.1%} |"


def compare(counted: Counted, baseline: Counted) -> list[Row]:
    """Set side by side what is in both."""
    return [
        Row(workload, name, baseline[workload][name], number)
        for workload, counts in counted.items()
        for name, number in counts.items()
        if name in baseline.get(workload, {})
    ]


def table(rows: Sequence[Row]) -> str:
    """Write rows as Markdown."""
    head = ["| workload | count | baseline | now | change |", "| --- | --- | --- | --- | --- |"]
    return "\n".join([*head, *map(str, rows)])


def key_of(way: str) -> str | None:
    """Name Python and the libraries whose versions move the counts; None where one is not installed."""
    try:
        named = [f"{library} {version(library)}" for library in _LIBRARIES[way]]
    except PackageNotFoundError:
        return None
    return ", ".join(["Python " + ".".join(platform.python_version_tuple()[:2]), *named])


def _names(key: str) -> list[str]:
    return [part.split()[0] for part in key.split(", ")]


def nearest(key: str, known: Sequence[str]) -> str | None:
    """Find the key of the same libraries that has the most of a key's versions, the same Python before all."""
    parts = key.split(", ")

    def likeness(other: str) -> int:
        same = [mine == theirs for mine, theirs in zip(parts, other.split(", "), strict=True)]
        return len(parts) * same[0] + sum(same)

    return max((other for other in known if _names(other) == _names(key)), key=likeness, default=None)


def written(baselines: dict[str, Counted]) -> str:
    """Write the file, a workload a line."""
    blocks = [
        f" {json.dumps(key)}: {{\n"
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(counts)}" for name, counts in counted.items())
        + "\n }"
        for key, counted in sorted(baselines.items())
    ]
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def renewed(baselines: dict[str, Counted], key: str, counted: Counted) -> dict[str, Counted]:
    """Put counts in; a new key takes the place of the one of the same Python and the same libraries."""
    replaced = {other for other in baselines if _names(other) == _names(key) and other.startswith(_python_of(key))}
    kept = {other: known for other, known in baselines.items() if other not in replaced}
    return {**kept, key: {**baselines.get(key, {}), **counted}}


def _python_of(key: str) -> str:
    return key[: key.index(",") + 1]


def count(way: str, names: Sequence[str]) -> tuple[Counted, Parts]:
    """Count workloads where no variable of the environment says otherwise."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept = {name: value for name, value in kept.items() if not name.startswith(("AGENTKIT_", "PYTHONASYNCIO"))}
    command = [sys.executable, str(_HERE / "count.py"), way, *names]
    done = subprocess.run(command, env=kept | {"PYTHONHASHSEED": "0"}, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"Nothing is known of the counts: `count.py {way}` failed, see above.")
    told = json.loads(done.stdout)
    return {name: counts for name, (counts, _) in told.items()}, {name: parts for name, (_, parts) in told.items()}


def verdict(key: str, counted: Counted, baselines: dict[str, Counted]) -> tuple[str, bool]:
    """Say how counts stand to their baseline, and whether that is good enough."""
    if key not in baselines:
        told = f"no baseline is kept for {key}, so nothing fails. `make bench-check UPDATE=1` writes one."
        other = nearest(key, list(baselines))
        return told + (f" Beside {other}:\n\n{table(compare(counted, baselines[other]))}" if other else ""), True
    rows = compare(counted, baselines[key])
    above = [row for row in rows if row.is_beyond(_MOST)]
    if above:
        shown = table([row for row in rows if row.workload in {one.workload for one in above}])
        return _ABOVE.format(count=len(above), all=len(rows), key=key, table=shown), False
    most = max((row.change for row in rows), default=0.0)
    told = f"{len(rows)} counts, none more than 10 % above its baseline (the highest {most:+.1%}; {key})."
    if missing := sum(map(len, counted.values())) - len(rows):
        told += f" Without a baseline: {missing}; `make bench-check UPDATE=1` writes it."
    if below := [row for row in rows if row.is_beyond(-_MOST)]:
        told += f" Some fell by more than that; `make bench-check UPDATE=1` keeps them there:\n\n{table(below)}"
    return told, True


_ABOVE = """\
{count} of {all} counts are more than 10 % above their baseline ({key}).

{table}

See which part of the program makes them by `python tests/benchmarks/check.py --only NAME --parts`, before and after the
change; docs/performance.md says what each count is. If the rise is meant, `make bench-check UPDATE=1` writes the new
baseline: say in the commit what it buys."""


def shares(parts: Parts) -> Iterator[str]:
    """Write where the calls and lines of each workload are."""
    for name, found in parts.items():
        if found:
            whole = sum(lines for _, lines in found.values()) or 1
            yield f"\n| {name} | calls | lines | share of lines |\n| --- | --- | --- | --- |"
            for part, (calls, lines) in found.items():
                yield f"| {part} | {calls:,} | {lines:,} | {lines / whole:.0%} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Count, compare or write down, and say how it stands."""
    options = _options(arguments)
    path: Path = options.baseline
    baselines: dict[str, Counted] = json.loads(path.read_text()) if path.exists() else {}
    good = True
    for way, all_names in _NAMES.items():
        names = [name for name in all_names if not options.only or name in options.only]
        key = key_of(way)
        if key is None:
            print(f"{_TITLES[way]}: not counted, for {_LIBRARIES[way][-1]} is not installed.")
        elif names:
            counted, parts = count(way, names)
            told, fine = f"{len(names)} workloads are written down ({key}).", True
            if options.update:
                baselines = renewed(baselines, key, counted)
            else:
                told, fine = verdict(key, counted, baselines)
            good = good and fine
            print("\n".join([f"{_TITLES[way]}: {told}", *(shares(parts) if options.parts else ())]))
    if options.update:
        path.write_text(written(baselines))
    return 0 if good else 1


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = _NAMES["httpx"]
    parser.add_argument("--only", action="append", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    parser.add_argument("--update", action="store_true", help="write the counts down as the baseline")
    parser.add_argument("--parts", action="store_true", help="show in which part of the program calls and lines are")
    parser.add_argument("--baseline", type=Path, default=_HERE / "baseline.json", help="the file of the baseline")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
