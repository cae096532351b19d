"""`agentkit runs`: the runs of a journal as a table, or what one of them did, record by record."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from agentkit.cli.journal import FileArgument, list_runs, records_of
from agentkit.cli.screen import Screen
from agentkit.cli.text import call_text, json_text, one_line
from agentkit.durable import Past, Record, RunSummary, Status, past_of
from agentkit.kind import is_object
from agentkit.wire.response import ChatCompletion

__all__ = ["RunsCommand"]

_LATE = "timed out, may still happen"  # its thread was left running, or what it had asked for was
_STYLES = {"open": "cyan", "paused": "yellow", "finished": "green", "failed": "red"}
_RUNS = ("run", "status", "agent", "turns", "began", "changed", "prompt")
_RECORDS = ("at", "run", "turn", "record", "what")


@dataclass(frozen=True)
class RunsCommand:
    """What was asked for on the command line; `perform` does it."""

    file: FileArgument
    run: Annotated[
        str | None,
        typer.Argument(metavar="RUN", help="Show this run; without it all are listed.", show_default=False),
    ] = None
    status: Annotated[
        Status | None, typer.Option("--status", help="List only those that stand so.", show_default=False)
    ] = None
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="List at most so many.")] = 100
    json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False

    def perform(self) -> int:
        """List or show."""
        out = Screen(sys.stdout)
        if self.run is None:
            self._list(out)
        else:
            self._show(records_of(self.file, self.run), out)
        return 0

    def _list(self, out: Screen) -> None:
        found = list_runs(self.file, self.limit, self.status)
        if self.json:
            _write([asdict(run) for run in found], out)
        elif found:
            _table(_RUNS, [_row(run) for run in found], out)
        else:
            out.line("No runs.")

    def _show(self, records: Sequence[Record], out: Screen) -> None:
        past = past_of(records)
        if self.json:
            _write({**_head(past, records), "records": [_plain(one) for one in records]}, out)
            return
        root = records[0].run_id
        for line in _lines(past, records):
            out.line(line)
        _table(_RECORDS, [_line(one, root) for one in records], out)


def _write(document: Any, out: Screen) -> None:
    out.write(json_text(document, indent=2 if out.terminal else None) + "\n")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], out: Screen) -> None:
    """Write a table on a terminal, fields between tabs in a pipe."""
    if not out.terminal:
        for row in (columns, *rows):
            out.write("\t".join(row) + "\n")
        return
    table = Table(*columns, expand=False, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(cell, _STYLES.get(cell, "")) for cell in row))
    out.show(table)


def _row(run: RunSummary) -> tuple[str, ...]:
    named = one_line(run.run_id, None), run.status, one_line(run.agent or "-")
    return *named, str(run.turns), _time(run.began), _time(run.changed), one_line(run.prompt)


def _time(seconds: float) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"
    except (OverflowError, ValueError, OSError):  # of a file that was changed by another hand
        return str(seconds)


def _head(past: Past, records: Sequence[Record]) -> dict[str, Any]:
    state, agent = past.state, past.first.content.get("agent", {}).get("name")
    return {
        "run_id": state.run_id,
        "status": "open" if past.ended is None else past.ended.kind,
        "agent": agent if isinstance(agent, str) else None,
        "turns": state.turns,
        "tokens": state.spent.tokens,
        "began": records[0].at,
        "changed": records[-1].at,
        "pending": [call.id for call in state.held],
        "doubtful": [*past.doubtful],
        "timed_out": [_place(one, records[0]) for one in records if _is_late(one)],
    }


def _lines(past: Past, records: Sequence[Record]) -> list[str]:
    head = _head(past, records)
    turns = f"{head['turns']} turn{'' if head['turns'] == 1 else 's'}"
    named = f", agent {one_line(head['agent'])}" if head["agent"] else ""
    times = f"began {_time(head['began'])}, changed {_time(head['changed'])} (UTC)"
    lines = [f"{one_line(head['run_id'], None)}: {head['status']}{named}, {turns}, {head['tokens']:,} tokens, {times}"]
    lines += [f"waits: {one_line(call.id)} {call_text(call.name, call.arguments)}" for call in past.state.held]
    for call_id, record in past.doubtful.items():
        begun = record.content
        lines.append(f"begun, no outcome: {one_line(call_id)} {call_text(begun['name'], begun['arguments'])}")
    begun_as: dict[tuple[str, int, str], str] = {}
    for one in records:
        if one.kind == "calling":
            begun_as[one.run_id, one.turn, one.call_id] = call_text(one.content["name"], one.content["arguments"])
        elif _is_late(one):
            called = begun_as.get((one.run_id, one.turn, one.call_id), "")
            lines.append(f"{_LATE}: {one_line(_place(one, records[0]))} {called}".rstrip())
    return lines


def _is_late(record: Record) -> bool:
    return record.kind == "answered" and record.content.get("answer", {}).get("status") == "timeout"


def _place(record: Record, first: Record) -> str:
    """Name a call as one decides on it: in a run below by the call that began that, too."""
    below = record.run_id.removeprefix(first.run_id).removeprefix("/")
    return f"{below}/{record.call_id}" if below else record.call_id


def _plain(record: Record) -> dict[str, Any]:
    return {**asdict(record), "data": record.content}


def _line(record: Record, root: str) -> tuple[str, ...]:
    run = record.run_id.removeprefix(root) or "."
    return _time(record.at), one_line(run, None), str(record.turn), record.kind, _what(record)


def _what(record: Record) -> str:
    """Say in one line what a record tells."""
    content = record.content
    match record.kind:
        case "begin":
            return one_line(_said(_last(content.get("state", {}).get("messages"))))
        case "replied":
            return one_line(_said(ChatCompletion.parse(content["completion"]).choices[0].message.to_dict()))
        case "calling":
            return f"{one_line(record.call_id)} {call_text(content.get('name', ''), content.get('arguments', ''))}"
        case "answered":
            answer = content.get("answer", {})
            status = _LATE if _is_late(record) else answer.get("status")
            return f"{one_line(record.call_id)} {status}: {one_line(_said(answer.get('message')))}"
        case "decided":
            told = [f"{one} {given.get('decision')}" for one, given in content.get("decisions", {}).items()]
            if "given" in content:
                told.append(f"goes on with {' and '.join(content['given']) or 'nothing'} of its own")
            return one_line(", ".join(told))
        case "finished":
            return one_line(str(content.get("output", "")))
        case "failed":
            return one_line(str(content.get("error", "")))
        case "asking" | "changed" | "paused":
            return ", ".join(sorted(content.keys() - {"change"} | content.get("change", {}).keys() - {"seconds"}))


def _last(messages: Any) -> Any:
    return messages[-1] if messages else None


def _said(message: Any) -> str:
    """Give the text of a message's JSON, and its calls."""
    if not is_object(message):
        return ""
    content: Any = message.get("content") or ""
    text = content if isinstance(content, str) else json_text(content)
    calls: Sequence[Any] = message.get("tool_calls") or ()
    called = [call_text(call["function"]["name"], call["function"]["arguments"]) for call in calls]
    return " ".join((text, *called))
