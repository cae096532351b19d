"""A function's parameters are born here: its signature with every hint resolved, told apart by what the model may send.

`signature` uses it. What cannot be told to a model is refused in words that say what to write instead.
"""

from __future__ import annotations

import functools
import inspect
import re
import types
import typing
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Annotated, Any, Final, Literal, NotRequired, Required, cast, get_args, get_origin

from pydantic import AliasChoices, AliasPath
from pydantic.fields import FieldInfo
from typing_extensions import Unpack, get_type_hints, is_typeddict

from agentkit.errors import ToolDefinitionError
from agentkit.schema.annotation import accepts_none, field_of

__all__ = [
    "Parameter",
    "UnresolvedHintError",
    "context_of",
    "is_receiver",
    "raw_parameters",
    "read_parameters",
    "result_of",
    "target_of",
]

Role = Literal["argument", "context", "receiver", "rest"]
_AWAITED: Final = (Awaitable, Coroutine)
_EMPTY: Final = inspect.Parameter.empty
_UNPACKS: Final[tuple[Any, ...]] = (Unpack, typing.Unpack)
_WRAPPERS: Final[tuple[Any, ...]] = (Required, NotRequired)
_UNIONS: Final = (typing.Union, types.UnionType)
_VAR: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class UnresolvedHintError(ToolDefinitionError):
    """A hint names something that does not exist yet; it may later."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter with its hint resolved.

    Attributes:
        name: As the function spells it.
        kind: How it is passed, one of `inspect.Parameter`'s kinds.
        role: An argument of the model; the context; `self` or `cls` of a method not yet bound; `**kwargs`.
        annotation: What the validator is made from, `Annotated` metadata included.
        key: As the model spells it: the validation alias, else the name.
        accepted: All the spellings that are read.
        default: The signature's default, or `inspect.Parameter.empty`.
        required: Whether the model must send it.
    """

    name: str
    kind: Any
    role: Role
    annotation: Any = Any
    key: str = ""
    accepted: frozenset[str] = frozenset()
    default: Any = _EMPTY
    required: bool = False


def target_of(function: Any) -> Any:
    """Find the plain function below partials, bound methods, callable objects and `functools.wraps`."""
    while isinstance(function, functools.partial):
        function = cast("Any", function.func)
    function = inspect.unwrap(function)
    if not hasattr(function, "__code__") and not inspect.isbuiltin(function) and not inspect.isclass(function):
        function = getattr(cast("Any", type(function)), "__call__", function)  # noqa: B004 - the method itself is wanted
    return inspect.unwrap(getattr(function, "__func__", function))


def raw_parameters(function: Any, where: str) -> list[inspect.Parameter]:
    """List a function's parameters as written, without those that a partial has bound by keyword.

    Raises:
        ToolDefinitionError: For classes, builtins and whatever else has no readable signature.
    """
    if inspect.isclass(function):
        raise ToolDefinitionError(
            f"{where} is a class. Give a function, or an object whose class has a `__call__` method."
        )
    if not callable(function):
        raise ToolDefinitionError(
            f"{where} is of type {type(function).__name__}, which cannot be called. Give a function that uses it."
        )
    target = target_of(function)
    bound: set[str] = set()
    inner = function
    while isinstance(inner, functools.partial):
        bound |= inner.keywords.keys()
        inner = inner.func
    try:
        if not hasattr(target, "__globals__"):
            raise ValueError("it is not written in Python")  # noqa: TRY301 - the two ways to have no hints end alike
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError) as error:
        raise ToolDefinitionError(
            f"{where} has no annotations that can be read, for {error}. Wrap it in a function with annotations."
        ) from error
    return [parameter for parameter in found if parameter.name not in bound]


def read_parameters(
    function: Any,
    raw: Sequence[inspect.Parameter],
    where: str,
    *,
    is_context: Callable[[Any], bool],
    names: Mapping[str, Any],
) -> list[Parameter]:
    """Resolve a function's hints and tell its parameters apart.

    Args:
        function: Any callable.
        raw: Its parameters as written.
        where: What errors call it, as `Tool 'search'`.
        is_context: Tells the hint of a parameter that the caller fills in and the model never sees.
        names: Further names that hints may use, besides the function's globals and closure.

    Raises:
        UnresolvedHintError: When a hint names something that does not exist yet.
        ToolDefinitionError: When a parameter cannot be told to a model.
    """
    hints = _resolve(
        {p.name: p.annotation for p in raw if p.annotation is not _EMPTY}, function, where, is_context, names
    )
    receiver = next((p for p in raw[:1] if is_receiver(p, function)), None)
    made = [Parameter(receiver.name, receiver.kind, "receiver")] if receiver else []
    made += [one for p in raw if p is not receiver for one in _read(p, hints, where, is_context)]
    contexts = [parameter.name for parameter in made if parameter.role == "context"]
    if len(contexts) > 1:
        raise ToolDefinitionError(f"{where}: {' and '.join(contexts)} both take the context. Keep one of them.")
    keys = [parameter.key for parameter in made if parameter.key]
    if twice := next((key for at, key in enumerate(keys) if key in keys[:at]), None):
        raise ToolDefinitionError(f"{where}: two parameters bear the name {twice!r}. Give one another alias.")
    return made


def is_receiver(p: inspect.Parameter, function: Any) -> bool:
    """Tell whether a function's first parameter is the object that it is to be bound to."""
    return p.annotation is _EMPTY and p.name in {"self", "cls"} and inspect.isfunction(function)


def context_of(function: Any, where: str, is_context: Callable[[Any], bool]) -> Parameter | None:
    """Find the parameter for the context in a function whose other hints do not matter."""
    for p in raw_parameters(function, where):
        try:
            hint = _resolve({p.name: p.annotation}, function, where, is_context, {})[p.name]
        except ToolDefinitionError:
            continue
        if is_context(hint):
            return Parameter(p.name, p.kind, "context", default=p.default)
    return None


def result_of(function: Any) -> Any:
    """Give the type of what a call of a function gives, awaited where it is to be; Any where that is not said.

    Raises:
        ToolDefinitionError: The hint cannot be resolved.
    """
    target = target_of(function)
    said = {key: hint for key, hint in getattr(target, "__annotations__", {}).items() if key == "return"}
    made = _resolve(said, function, f"Function {target.__name__!r}", lambda _: False, {}).get("return", Any)
    return get_args(made)[-1] if get_origin(made) in _AWAITED and get_args(made) else made


def _read(
    p: inspect.Parameter, hints: Mapping[str, Any], where: str, is_context: Callable[[Any], bool]
) -> Iterable[Parameter]:
    if p.name not in hints and p.kind not in _VAR:
        raise ToolDefinitionError(
            f"{where}: parameter {p.name!r} has no type annotation, so no JSON Schema can be made for it. "
            f"Write `{_suggest(p)}`."
        )
    hint = hints.get(p.name, Any)
    if is_context(hint):
        if p.kind in _VAR:
            raise ToolDefinitionError(f"{where}: `*{p.name}` cannot take the context. Write `{p.name}: Context`.")
        return [Parameter(p.name, p.kind, "context", default=p.default)]
    if p.kind is p.VAR_KEYWORD:
        if get_origin(hint) in _UNPACKS:
            return _unpack(get_args(hint)[0], p, where)
        return [Parameter(p.name, p.kind, "rest", hint)]
    if p.kind is p.VAR_POSITIONAL:
        return [_argument(p.name, p.kind, list[hint], (), where)]  # type: ignore[valid-type] # made from a value
    return [_argument(p.name, p.kind, hint, p.default, where)]


def _argument(name: str, kind: Any, hint: Any, default: Any, where: str) -> Parameter:
    if isinstance(default, FieldInfo):  # `city: str = Field(description=...)`
        hint, default = Annotated[hint, default], _EMPTY
    field, hint = field_of(hint), _eager(hint)
    if default is None and not accepts_none(hint):  # `city: str = None`
        plain, *metadata = (hint.__origin__, *hint.__metadata__) if get_origin(hint) is Annotated else (hint,)
        optional: Any = typing.Union[plain, None]  # noqa: UP007 - made from a value
        hint = Annotated[(optional, *metadata)] if metadata else optional
    required = default is _EMPTY
    if field is not None and not field.is_required():
        if not required:
            raise ToolDefinitionError(f"{where}: parameter {name!r} has two defaults. Keep the one after `=`.")
        required = False
    accepted = _spellings(field, name)
    return Parameter(name, kind, "argument", hint, accepted[0], frozenset(accepted), default, required)


def _eager(hint: Any) -> Any:
    """Give a list for an `Iterable`, whose items pydantic would validate only inside the tool."""
    members = get_args(hint)
    if get_origin(hint) is Iterable and members:
        return cast("Any", list)[members[0]]
    if get_origin(hint) in _UNIONS and any(get_origin(member) is Iterable for member in members):
        return typing.Union[tuple(_eager(member) for member in members)]  # noqa: UP007 - made from values
    return hint


def _spellings(field: FieldInfo | None, name: str) -> list[str]:
    alias = None if field is None else field.validation_alias if field.validation_alias is not None else field.alias
    choices = alias.choices if isinstance(alias, AliasChoices) else [alias]
    found = [
        str(choice.path[0]) if isinstance(choice, AliasPath) else choice for choice in choices if choice is not None
    ]
    return found or [name]


def _unpack(options: Any, p: inspect.Parameter, where: str) -> list[Parameter]:
    """Spread `**kwargs: Unpack[Options]` into the keys of the TypedDict."""
    if not is_typeddict(options):
        raise ToolDefinitionError(f"{where}: `**{p.name}` unpacks something that is no TypedDict.")
    made: list[Parameter] = []
    for name, hint in get_type_hints(options, include_extras=True).items():
        while get_origin(hint) in _WRAPPERS:
            (hint,) = get_args(hint)  # noqa: PLW2901 - peeled
        one = _argument(name, p.KEYWORD_ONLY, hint, _EMPTY, where)
        required = one.required and name in options.__required_keys__
        made.append(Parameter(one.name, one.kind, "argument", hint, one.key, one.accepted, _EMPTY, required))
    return made


def _suggest(p: inspect.Parameter) -> str:
    if p.name in {"ctx", "context"}:
        return f"{p.name}: Context"
    if isinstance(p.default, str | int | float):
        return f"{p.name}: {type(p.default).__name__} = {p.default!r}"
    return f"{p.name}: str"


def _resolve(
    raw: Mapping[str, Any], function: Any, where: str, is_context: Callable[[Any], bool], names: Mapping[str, Any]
) -> dict[str, Any]:
    target = target_of(function)
    closure = dict(zip(target.__code__.co_freevars, target.__closure__ or (), strict=False))
    local = {variable.__name__: variable for variable in getattr(target, "__type_params__", ())} | dict(names)
    local |= {name: cell.cell_contents for name, cell in closure.items() if _is_full(cell)}

    def evaluate(annotations: Mapping[str, Any]) -> dict[str, Any]:
        holder: Any = SimpleNamespace(__annotations__=dict(annotations))
        return typing.get_type_hints(holder, target.__globals__, local, include_extras=True)

    try:
        return evaluate(raw)
    except Exception:  # noqa: BLE001 - hints are code; which one failed, and how, is found out below
        made: dict[str, Any] = {}
    for name, hint in raw.items():
        try:
            made |= evaluate({name: hint})
        except (NameError, AttributeError) as error:
            # `Context[DB]` is the context, though DB be imported for the type checker only
            head = re.match(r"\s*([\w.]+)\s*\[", hint) if isinstance(hint, str) else None
            try:
                made |= evaluate({name: head[1]}) if head else {}
            except (NameError, AttributeError):
                head = None
            if head is None or not is_context(made[name]):
                raise UnresolvedHintError(
                    f"{where}: the annotation of {name!r} cannot be resolved: {error}. "
                    "Import the name outside of `if TYPE_CHECKING:`, or define it before the tool is first used."
                ) from error
        except Exception as error:
            raise ToolDefinitionError(
                f"{where}: the annotation of {name!r} is no type: {error}. Write one, as `{name}: str`."
            ) from error
    return made


def _is_full(cell: Any) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:  # the name is bound later
        return False
    return True
