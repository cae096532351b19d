"""How a run begins: from a prompt and a history, or from the state of an earlier part; the driver takes it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from agentkit import media
from agentkit.agent.effect import Turn
from agentkit.agent.run import Recipe, Run
from agentkit.errors import ConfigurationError, InvalidRequestError, StateError
from agentkit.kind import is_map
from agentkit.session import Session
from agentkit.state.decision import Approve, Decision, Deny, Give
from agentkit.state.run import RunState, new_run_id
from agentkit.tools.execute import running
from agentkit.wire.content import Part, TextPart
from agentkit.wire.message import Message, UserMessage, parse_messages

__all__ = ["WENT_ON", "Prompt", "go_on", "start"]

Prompt = str | Sequence[Part | Mapping[str, Any] | media.Source] | None
"""What the user says: text; a list of texts, content parts (ours or the contract's dicts), paths, bytes and open files,
which `media.part` reads; or None to go on from the history."""

WENT_ON = "Not run: the user went on."
"""What the model is told of calls that waited when the user said something else."""

_BYTES = (bytes, bytearray, memoryview)


def start(
    recipe: Recipe,
    prompt: Prompt,
    deps: Any,
    history: Iterable[Message | Mapping[str, Any]],
    session: Session | None = None,
) -> Run:
    """Make a run; calls of the history that still wait are answered with that the user went on.

    Raises:
        InvalidRequestError: A message of the history is not of the contract, the prompt is neither text nor parts, or
            a history is given beside a session, which has its own.
        ConfigurationError: What is given as session is none.
    """
    messages = parse_messages(history)
    if session is not None:
        _check_session(session)
        if messages:
            raise InvalidRequestError(
                "Both `history` and `session` are given, and a session brings its own history. Give one of them; to "
                "put messages into a session: `async with session.turn() as turn: await turn.keep(messages)`."
            )
    if messages and prompt is not None:
        messages = RunState(messages=messages).with_closed_calls(WENT_ON).messages
    begin = len(messages)
    if prompt is not None:
        messages = (*messages, _user_message(prompt))
    parent = running.get()
    state = RunState(run_id=parent.next_id() if parent else new_run_id(), messages=messages, start=begin)
    return Run(recipe, state, deps=deps, turn=Turn(toolbox=recipe.toolbox), session=session)


def go_on(
    recipe: Recipe,
    state: RunState | str | bytes,
    decisions: Mapping[str, Decision] | None,
    deps: Any,
    session: Session | None = None,
) -> Run:
    """Make a run of the state of an earlier part.

    Raises:
        StateError: The state cannot be read, or a decision is none or on a call that does not wait.
        ConfigurationError: What is given as session is none.
    """
    if session is not None:
        _check_session(session)
    saved = state if isinstance(state, RunState) else RunState.from_json(state)
    try:
        _check_decisions(saved, decisions or {})
    except StateError as error:
        error.state = saved
        raise
    run = Run(recipe, saved.resumed(), deps=deps, decisions=decisions or {}, turn=Turn(toolbox=recipe.toolbox))
    run.session, run.resumed = session, True
    return run


def _check_session(given: Any) -> None:
    if not isinstance(given, Session):
        raise ConfigurationError(
            f"The session is {given!r}, which is none. Give one of a store: "
            '`SqliteStore("chat.db").session("id")` of agentkit.session.'
        )


def _check_decisions(state: RunState, decisions: Mapping[str, Any]) -> None:
    waiting = [call.id for call in state.open_calls]
    for call_id, decision in decisions.items():
        if call_id not in waiting:
            raise StateError(
                f"A decision is for the call {call_id!r}, which does not wait for one. "
                f"Waiting: {', '.join(waiting) or 'none'}. Decide on the ids of `result.pending`."
            )
        if not isinstance(decision, bool | Approve | Deny | Give):
            raise StateError(
                f"The decision on the call {call_id!r} is {decision!r}, which says neither yes nor no. "
                "Give True, False, Approve(...), Deny(...) or Give(...)."
            )


def _user_message(prompt: Any) -> UserMessage:
    if isinstance(prompt, str):
        return UserMessage(content=prompt)
    parts: list[Any] = [*prompt] if isinstance(prompt, Sequence) and not isinstance(prompt, _BYTES) else [prompt]
    parts = [_part(part) for part in parts]
    for position, part in enumerate(parts):
        kind = part.get("type") if is_map(part) else getattr(part, "type", None)
        if not kind:
            raise InvalidRequestError(
                f"prompt[{position}] is no content part: {repr(part)[:200]}. "
                'Write the prompt as one text, or as a list of texts and parts such as media.image("cat.png"). '
                "Messages are given as `history`, and `agent.run(None, history=messages)` goes on from them."
            )
    return cast("UserMessage", parse_messages([{"role": "user", "content": parts}])[0])


def _part(given: Any) -> Any:
    if isinstance(given, str):
        return TextPart(text=given)
    if isinstance(given, (*_BYTES, os.PathLike)) or callable(getattr(given, "read", None)):
        return media.part(cast("media.Source", given))
    return given
