"""What a caller wants out of a text, and how it shall be asked for, as one frozen value; `plan` makes it ready."""

from __future__ import annotations

import builtins
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar, overload

from typing_extensions import TypeForm

from agentkit.errors import ConfigurationError

__all__ = ["Mode", "OutputSpec"]

O = TypeVar("O")  # noqa: E741 # as DESIGN names it

Mode: TypeAlias = Literal["native", "tool", "json", "prompted"]

_MODES: Final = ("auto", "native", "tool", "json", "prompted")
_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@dataclass(frozen=True, init=False)
class OutputSpec(Generic[O]):
    """A wanted output and how to ask for it.

    Attributes:
        type: Any type that pydantic reads, `str`, a JSON Schema as a dict (the output is the decoded JSON, checked by
            the whole schema), or a function (its arguments are asked for, its result is the output; it may take a
            `Context`, and may be async).
        mode: "native" sends the schema as `response_format`, "tool" as a tool that must be called, "json" asks for any
            JSON and gives the schema in words, "prompted" gives words only; "auto" takes what the endpoint does best.
        name: What the model sees, 1 to 64 letters, digits, `_` and `-`; by default the type's name, or `final_result`
            for the tool.
        description: What the output is, for the model; by default the type's docstring.
        strict: True demands strict mode, False leaves it off; None takes it in the mode "native" where that loses
            nothing.
        retries: How often an invalid output is asked for again; None is 2.
        validators: Functions of the value, or of context and value, sync (on the event loop) or async, each giving the
            value that goes on. ValueError, AssertionError and `ToolRetry` ask the model again with their text.
    """

    type: Any
    mode: Literal["auto"] | Mode
    name: str | None
    description: str | None
    strict: bool | None
    retries: int | None
    validators: tuple[Callable[..., Any], ...]

    @overload
    def __init__(
        self,
        type: builtins.type[O],
        mode: Literal["auto"] | Mode = "auto",
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        retries: int | None = None,
        validators: Sequence[Callable[..., Any]] = (),
    ) -> None: ...
    @overload
    def __init__(
        self,
        type: TypeForm[O],
        mode: Literal["auto"] | Mode = "auto",
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        retries: int | None = None,
        validators: Sequence[Callable[..., Any]] = (),
    ) -> None: ...
    @overload
    def __init__(
        self,
        type: Callable[..., Awaitable[O]],
        mode: Literal["auto"] | Mode = "auto",
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        retries: int | None = None,
        validators: Sequence[Callable[..., Any]] = (),
    ) -> None: ...
    @overload
    def __init__(
        self,
        type: Callable[..., O],
        mode: Literal["auto"] | Mode = "auto",
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        retries: int | None = None,
        validators: Sequence[Callable[..., Any]] = (),
    ) -> None: ...
    @overload
    def __init__(
        self: OutputSpec[Any],
        type: Mapping[str, Any],
        mode: Literal["auto"] | Mode = "auto",
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        retries: int | None = None,
        validators: Sequence[Callable[..., Any]] = (),
    ) -> None: ...
    def __init__(
        self,
        type: Any,  # noqa: A002 # the word for it
        mode: Literal["auto"] | Mode = "auto",
        *,
        name: str | None = None,
        description: str | None = None,
        strict: bool | None = None,
        retries: int | None = None,
        validators: Sequence[Callable[..., Any]] = (),
    ) -> None:
        if mode not in _MODES:
            raise ConfigurationError(f"Output mode {mode!r} is unknown. The modes are: {', '.join(_MODES)}.")
        if name is not None and not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no name for an output: the contract allows 1 to 64 letters, digits, `_` and `-`."
            )
        if retries is not None and retries < 0:
            raise ConfigurationError(f"Output retries are {retries}. Give 0 or more, or None for the default, 2.")
        held = {
            "type": type,
            "mode": mode,
            "name": name,
            "description": description,
            "strict": strict,
            "retries": retries,
            "validators": tuple(validators),
        }
        for field, value in held.items():
            object.__setattr__(self, field, value)
