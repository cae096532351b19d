"""What the command line names, `module[:name]` or `path/to/file.py[:name]`, becomes tools and types here.

Everything that goes wrong is a `ConfigurationError` of one line: what was seen, and the close names.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import sysconfig
import traceback
from collections.abc import Iterable, Iterator
from functools import reduce
from importlib.machinery import PathFinder
from inspect import isfunction, signature
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

from agentkit.agent.agent import Agent
from agentkit.cli.likeness import close_file, close_module, close_to, is_file
from agentkit.errors import AgentkitError, ConfigurationError
from agentkit.kind import is_object
from agentkit.tools.tool import Tool
from agentkit.tools.toolbox import Toolbox

__all__ = ["load_agent", "load_recorded", "load_tools", "load_type", "load_value"]

_BUILTINS = {kind.__name__: kind for kind in (bool, dict, float, int, list, str)}
_KEYWORDS = {"$ref", "allOf", "anyOf", "const", "enum", "items", "oneOf", "properties", "type"}  # one of them is there


def load_tools(references: Iterable[str]) -> Toolbox:
    """Collect the tools that references name, each once.

    `module:name` is that tool, toolbox or function. `module` alone is every public tool and toolbox in it, and the
    plain functions that its `__all__` lists.

    Raises:
        ConfigurationError: A module or a name is not there or has no tools, or a function cannot be a tool.
    """
    found: dict[int, Any] = {}
    for reference in references:
        found |= {id(value): value for value in _tools(reference)}
    return Toolbox(found.values())


def load_type(reference: str) -> Any:
    """Give the type that `module:Type` or `file.py:Type` names, a `.json` file's JSON Schema, or `int`, `str` ...

    Raises:
        ConfigurationError: The module, the name or the file is not there, or the file holds no JSON Schema.
    """
    if reference in _BUILTINS:
        return _BUILTINS[reference]
    if reference.endswith(".json"):
        return _load_schema(Path(reference))
    source, name = _split(reference)
    if not name:
        raise ConfigurationError(
            f"{reference!r} names no type. Write module:Type, path/to/file.py:Type, a .json file of a JSON Schema, "
            f"or one of {', '.join(_BUILTINS)}."
        )
    return _named(_load(source), source, name)


def load_agent(reference: str) -> Agent[Any, Any]:
    """Give the agent that `module:agent` or `file.py:agent` names, or that a function of nothing there makes.

    Raises:
        ConfigurationError: The module or the name is not there, or it is no agent.
    """
    value: Any = load_value(reference, "agent")
    if isfunction(value) and not signature(value).parameters:
        try:
            value = value()
        except (Exception, SystemExit) as error:
            raise _broken(reference, error) from error
    if not _is_agent(value):
        raise ConfigurationError(
            f"{reference!r} is a value of type {type(value).__name__}, which is no agent. Name an `Agent`, or a "
            "function of nothing that gives one."
        )
    return value


def load_recorded(reference: str) -> Agent[Any, Any]:
    """Give the agent that a record names, `module:agent` or `file.py:agent`; nothing there is called.

    Only what plainly stands below the working directory is imported, for anybody may have written the record: no file
    elsewhere, and nothing that is installed.

    Raises:
        ConfigurationError: It names something else, or there is no agent.
    """
    source, _, name = reference.rpartition(":")
    is_file = source.endswith(".py")
    if is_file:
        is_plain = "\\" not in source and not Path(source).is_absolute() and _is_below(source)
    else:
        is_plain = all(part.isidentifier() for part in source.split("."))
    if not is_plain or not name.isidentifier():
        raise ConfigurationError("That is neither a name in a module nor one in a file below this folder.")
    if not is_file and not _stands_below(source):
        raise ConfigurationError(f"The module {source!r} is not in this folder, and only what is there is imported.")
    value: Any = load_value(reference, "agent")
    if not _is_agent(value):
        raise ConfigurationError(f"{reference!r} is a value of type {type(value).__name__}, which is no agent.")
    return value


def _is_below(file: str) -> bool:
    """Tell whether a file is below the working directory, wherever a link leads, and not installed there."""
    here = Path.cwd()
    try:
        path = (here / file).resolve()
    except (OSError, ValueError, RuntimeError):  # a name that none can be, or a loop of links
        return False
    installed = {sysconfig.get_path(one) for one in ("stdlib", "platstdlib", "purelib", "platlib")}
    named = {"site-packages", "dist-packages"} & {*path.parts}
    return path.is_relative_to(here) and not named and not any(map(path.is_relative_to, installed))


def _stands_below(module: str) -> bool:
    """Tell whether a module, and each package that is imported before it, stands below the working directory.

    Raises:
        ConfigurationError: There is none.
    """
    _see_folder()
    name, _, rest = module.partition(".")
    try:
        spec = importlib.util.find_spec(name)
        while spec is not None:
            own = [spec.origin] if spec.has_location and spec.origin else []
            files = [*own, *(spec.submodule_search_locations or ())]
            if not files or not all(map(_is_below, files)):
                return False
            if not rest:
                return True
            part, _, rest = rest.partition(".")
            name = f"{name}.{part}"
            spec = PathFinder.find_spec(name, spec.submodule_search_locations or ())
    except (ValueError, ImportError):  # `__main__`, and what was put among the modules by hand
        return False
    raise _no_module(module)


def _is_agent(value: Any) -> TypeGuard[Agent[Any, Any]]:
    return isinstance(value, Agent)


def load_value(reference: str, what: str) -> Any:
    """Give what `module:name` or `file.py:name` names.

    Raises:
        ConfigurationError: The module or the name is not there.
    """
    source, name = _split(reference)
    if not name:
        raise ConfigurationError(f"{reference!r} names no {what}. Write module:{what} or path/to/file.py:{what}.")
    return _named(_load(source), source, name)


def _load_schema(path: Path) -> dict[str, Any]:
    if not is_file(path):
        raise _no_file(path)
    try:
        schema: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise ConfigurationError(f"{str(path)!r} holds no JSON: {error}.") from error
    if not is_object(schema) or not schema.keys() & _KEYWORDS:
        raise ConfigurationError(
            f"{str(path)!r} holds JSON and no JSON Schema. Write an object such as "
            '{"type": "object", "properties": {...}}.'
        )
    return schema


def _split(reference: str) -> tuple[str, str]:
    source, colon, name = reference.rpartition(":")
    if reference and (not colon or reference.endswith(".py")):
        return reference, ""
    if not source or not all(part.isidentifier() for part in name.split(".")):
        raise ConfigurationError(f"{reference!r} names nothing. Write module, module:name or path/to/file.py:name.")
    return source, name


def _load(source: str) -> ModuleType:
    if source.endswith(".py") or "/" in source or os.sep in source:
        return _load_file(Path(source))
    _see_folder()
    try:
        return importlib.import_module(source)
    except (Exception, SystemExit) as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing is not None and (source == missing or source.startswith(f"{missing}.")):
            raise _no_module(source) from error
        raise _broken(source, error) from error


def _see_folder() -> None:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def _load_file(path: Path) -> ModuleType:
    if not is_file(path):
        raise _no_file(path)
    folder, name = str(path.parent.resolve()), path.stem
    if folder not in sys.path:
        sys.path.insert(0, folder)  # as `python file.py` has it, for the files beside it
    known = sys.modules.get(name)
    if known is not None:
        if Path(getattr(known, "__file__", None) or "").resolve() == path.resolve():
            return known
        name = f"_file_{name}"  # a file may bear the name of a module that is in use
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{str(path)!r} is no file of Python. Name a .py file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise _broken(str(path), error) from error
    return module


def _no_file(path: Path) -> ConfigurationError:
    return ConfigurationError(f"There is no file {str(path)!r:.200}.{close_file(path)}")


def _no_module(source: str) -> ConfigurationError:
    parent, _, last = source.rpartition(".")
    if parent in sys.modules and hasattr(sys.modules[parent], last):
        return ConfigurationError(f"{source!r} is no module: {last!r} is a name in {parent!r}. Write {parent}:{last}.")
    return ConfigurationError(
        f"There is no module {source!r:.200}, neither installed nor in this folder.{close_module(source)}"
    )


def _broken(source: str, error: BaseException) -> AgentkitError:
    """Tell what the code of a module raised, and in which line of it."""
    if isinstance(error, AgentkitError):
        return error  # a function that cannot be a tool: its text says all
    steps = [step for step in traceback.extract_tb(error.__traceback__) if not step.filename.startswith("<")]
    last = steps[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    if isinstance(error, SyntaxError):
        where = f"{Path(error.filename or source).name}, line {error.lineno}"
    return ConfigurationError(
        f"{source!r} could not be imported: {type(error).__name__}: {getattr(error, 'msg', error)} ({where})."
    )


def _named(module: ModuleType, source: str, name: str) -> Any:
    try:
        return reduce(getattr, name.split("."), module)
    except AttributeError as error:
        close = close_to(name, [known for known in vars(module) if not known.startswith("_")])
        raise ConfigurationError(f"{source!r} has no {name!r}.{close}") from error


def _tools(reference: str) -> Iterator[Any]:
    source, name = _split(reference)
    module = _load(source)
    if name:
        yield from _flat(_named(module, source, name), reference)
        return
    listed = getattr(module, "__all__", None)
    names = [known for known in vars(module) if not known.startswith("_")] if listed is None else listed
    values = [_named(module, source, known) for known in names]
    kinds = (Tool, Toolbox) if listed is None else (Tool, Toolbox, FunctionType)
    tools: list[Any] = [value for value in values if isinstance(value, kinds)]
    if not tools:
        raise ConfigurationError(f"{source!r} has no tools.{_functions(module, source)}")
    for value in tools:
        yield from _flat(value, reference)


def _flat(value: Any, reference: str) -> Iterator[Any]:
    if isinstance(value, Toolbox):
        yield from value
    elif callable(value):
        yield value
    else:
        raise ConfigurationError(
            f"{reference!r} is a value of type {type(value).__name__}, which is no tool. "
            "Name a tool, a toolbox or a function."
        )


def _functions(module: ModuleType, source: str) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
    if not own:
        return " Write a function with type hints and @tool above it."
    return (
        f" Its functions are {', '.join(own)}: write @tool above them, list them in __all__, "
        f"or name one, {source}:{own[0]}."
    )
