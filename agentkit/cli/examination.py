"""An examination as text: a table on a terminal, the same in Markdown in a pipe, one JSON document, the profile."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Final

from rich.table import Table
from rich.text import Text

from agentkit.cli.screen import Screen
from agentkit.cli.text import json_text, one_line
from agentkit.doctor import Examination, Finding
from agentkit.http.profile import Profile

__all__ = ["examination_json", "profile_text", "show_examination"]

_COLUMNS: Final = ("probe", "verdict", "what was seen", "what agentkit does")
_STYLES: Final[dict[str, str]] = {
    "works": "green",
    "deviates": "yellow",
    "refused": "magenta",
    "failed": "red",
    "skipped": "dim",
}
_MOST: Final = 400  # characters of a cell


def show_examination(found: Examination, out: Screen) -> None:
    """Write the table, what it took, and the profile's fields that are not the default."""
    if out.terminal:
        out.show(_table(found))
    else:
        out.line(_markdown(found))
    out.line(f"\n{_summary(found)}")
    if found.profile is not None:
        out.line(f"\n```json\n{profile_text(found.profile, whole=False)}\n```")


def examination_json(found: Examination) -> str:
    """Encode all of it, indented; what could fool a terminal is escaped."""
    return json_text(found.to_dict(), indent=2)


def profile_text(profile: Profile, *, whole: bool) -> str:
    """Encode a profile for `ChatModel(profile=...)`, whole or without what is the default, which means the same."""
    if whole:
        return profile.to_json()
    default = json.loads(Profile().to_json())
    fields = json.loads(profile.to_json())
    return json_text({name: value for name, value in fields.items() if value != default[name]}, indent=2)


def _cells(finding: Finding) -> tuple[str, str, str, str]:
    name = finding.probe if finding.deviation is None else f"- {finding.deviation}"
    return name, finding.verdict, one_line(finding.seen, _MOST), one_line(finding.done, _MOST)


def _table(found: Examination) -> Table:
    table = Table(*_COLUMNS, show_lines=False, expand=False)
    for finding in found.findings:
        name, verdict, seen, done = _cells(finding)
        table.add_row(Text(name), Text(verdict, _STYLES[verdict]), Text(seen), Text(done))
    return table


def _markdown(found: Examination) -> str:
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *map(_cells, found.findings)]
    return "\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in rows)


def _escaped(cell: str) -> str:
    """Have Markdown show a cell as it is: no end of the cell, no tag."""
    return re.sub(r"[\\|<]", r"\\\g<0>", cell)


def _summary(found: Examination) -> str:
    verdicts = Counter[str](finding.verdict for finding in found.findings)
    counts = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in _STYLES if verdicts[verdict])
    tokens = f"{found.input_tokens:,} tokens in, {found.output_tokens:,} out"
    lacking = list(dict.fromkeys(one.probe for one in found.findings if one.needed and not one.is_met))
    if found.requests == 0:
        end = "Nothing was asked: the bounds leave no room."
    elif found.profile is None:
        end = "The endpoint gave no reply, so nothing else was asked."
    elif lacking:
        end = f"Agents need what was not seen to work here: {', '.join(lacking)}."
    else:
        end = "All that agents need works."
    return (
        f"{one_line(found.model, None)} at {found.endpoint}, {found.checked}: {counts}; "
        f"{found.requests} requests, {tokens}, {found.seconds:.1f} s. {end}"
    )
