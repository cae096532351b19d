"""What was measured as numbers and as Markdown: times scaled by the calibration beside them, ratios, noise."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from task import Task

__all__ = ["Row", "ratios", "summary", "table"]


@dataclass(slots=True)
class Row:
    """One workload's measurements, by way, in the order in which they were made.

    Attributes:
        task: The workload.
        samples: What each process told; ways that cannot do it are not there.
        cannot: Ways that have no program for it, each with the reason.
        failed: Ways whose program failed, each with its last words.
    """

    task: Task
    samples: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    cannot: dict[str, str] = field(default_factory=dict[str, str])
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def speeds(self, reference: float) -> dict[str, list[float]]:
        """Give CPU seconds of each process as they would be where the calibration loop takes `reference`."""
        return {
            way: [median(cpu / mark for cpu, mark in one["batches"]) * reference for one in samples]
            for way, samples in self.samples.items()
        }

    @property
    def marks(self) -> list[float]:
        """Give what the calibration loop took beside each batch."""
        return [mark for samples in self.samples.values() for one in samples for _, mark in one["batches"]]

    def middle(self, way: str, name: str) -> float | None:
        """Give the median of another thing that was measured."""
        values = [one[name] for one in self.samples[way] if name in one]
        return median(values) if values else None


# What else a workload tells: its title, its form, the most that agentkit should take, and where it is shown; "" is all.
_MORE = (
    ("added_ms", "of it above its own connections, ms", ".2f", "0.25", "one_tool"),
    ("added_ms", "of it above its own connections, ms", ".2f", "", "parallel"),
    ("growth", "CPU of the last 50 turns over the first 50", ".2f", "1.3", ""),
    ("peak_mb", "highest memory of the process, MB", ".0f", "70, fast 90", "many"),
    ("peak_mb", "highest memory of the process, MB", ".0f", "", "crowd"),
    ("connections", "connections opened", ".0f", "", "crowd"),
    ("mb", "memory, MB", ".1f", "34", ""),
    ("distributions", "distributions", ".0f", "18", ""),
    ("installed_mb", "MB installed", ".1f", "14", ""),
    ("run_kb", "memory of a waiting run, KB", ".1f", "", ""),
    ("blocks", "memory blocks of a waiting run", ".0f", "", ""),
    ("bytes_sent", "bytes sent in a run", ",.0f", "", "large"),
    ("bytes_sent", "bytes sent in a run", ",.0f", "", "thousand"),
)


def summary(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Work out medians, ratios to agentkit and noise; times are scaled to the best calibration of all."""
    reference = min(mark for row in rows for mark in row.marks)
    made: list[dict[str, Any]] = []
    for row in rows:
        speeds = row.speeds(reference)
        ours = speeds.get("agentkit", [])
        entry: dict[str, Any] = {"name": row.task.name, "title": row.task.title, "unit": row.task.unit}
        entry |= {
            "aim": row.task.aim,
            "cpu": {way: median(values) * row.task.scale for way, values in speeds.items()},
            "ratios": {
                way: sorted(theirs / own for theirs, own in zip(values, ours, strict=False))
                for way, values in speeds.items()
                if ours
            },
            "noise": max(row.marks) / min(row.marks) - 1,
            "cannot": row.cannot,
            "failed": row.failed,
        }
        for name in {name for name, *_ in _MORE} | {"peak_mb", "bytes_sent", "modules", "mb_total"}:
            values = {way: value for way in row.samples if (value := row.middle(way, name)) is not None}
            entry |= {name: values} if values else {}
        made.append(entry)
    return made


def table(entries: Sequence[dict[str, Any]], ways: Sequence[str]) -> str:
    """Write the CPU times and what else was measured as Markdown."""
    lines = [
        f"| workload (CPU of the client) | {' | '.join(ways)} | aim | noise |",
        f"| --- |{' --- |' * (len(ways) + 2)}",
    ]
    for entry in entries:
        cells = [f"{entry['cpu'][way]:.3g} {entry['unit']}" if way in entry["cpu"] else "" for way in ways]
        lines.append(f"| {entry['title']} | {' | '.join(cells)} | {_aim(entry)} | {entry['noise']:.0%} |")
        for name, title, form, aim, where in _MORE:
            if name in entry and where in ("", entry["name"]):
                cells = [format(entry[name][way], form) if way in entry[name] else "" for way in ways]
                lines.append(f"| ... {title} | {' | '.join(cells)} | {aim} | |")
    return "\n".join(lines)


def _aim(entry: dict[str, Any]) -> str:
    if entry["aim"] is None:
        return ""
    plain, fast = entry["aim"]
    return f"{plain:g} {entry['unit']}" + (f", fast {fast:g}" if fast != plain else "")


def ratios(entries: Sequence[dict[str, Any]], ways: Sequence[str]) -> str:
    """Write how many times agentkit's CPU each other way takes, the lowest and highest of the rounds beside it."""
    others = [way for way in ways if way != "agentkit"]
    lines = [f"| times agentkit's CPU | {' | '.join(others)} |", f"| --- |{' --- |' * len(others)}"]
    for entry in entries:
        cells = [_ratio(entry["ratios"].get(way)) for way in others]
        if any(cells):
            lines.append(f"| {entry['title']} | {' | '.join(cells)} |")
    for key, title in (("cannot", "Not measured"), ("failed", "Failed")):
        told = sorted(f"{way}, {entry['name']}: {why}" for entry in entries for way, why in entry[key].items())
        lines += ["", f"{title}: {'; '.join(told)}."] if told else []
    return "\n".join(lines)


def _ratio(values: Sequence[float] | None) -> str:
    if not values:
        return ""
    return f"{median(values):.2f}" + (f" ({values[0]:.2f} to {values[-1]:.2f})" if len(values) > 1 else "")
