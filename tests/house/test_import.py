"""Who may import what, and when: one importer for each library, late only where it pays."""

import json
import subprocess
import sys

CORE = {
    "httpx",
    "sniffio",
    "pydantic",
    "pydantic_core",
    "typing_extensions",
    "docstring_parser",
    "tenacity",
    "structlog",
}

SOLE = {
    "httpx": "agentkit/http/connection.py",
    "httpcore": tuple(f"agentkit/http/{name}.py" for name in ("connection", "fast", "line", "network")),
    "httptools": "agentkit/http/fast.py",
    "tenacity": "agentkit/http/retry.py",
    "structlog": "agentkit/observe/log.py",
    "docstring_parser": "agentkit/schema/docstring.py",
    "typer": "agentkit/cli/",
    "click": "agentkit/cli/",
    "rich": ("agentkit/cli/", "agentkit/many/bar.py"),
    "needle": "agentkit/local/",
    "opentelemetry": "agentkit/observe/",
    "genai_prices": "agentkit/price.py",
    "dbos": "agentkit/durable/",
    "sqlalchemy": ("agentkit/session/", "agentkit/durable/engine.py"),
    "mcp": "agentkit/mcp/",
    "starlette": "agentkit/web/",
    "uvicorn": "agentkit/web/",
    "pytest": "agentkit/testing/plugin.py",
}
"""The one file or folder that may import a library."""

LATE = {"structlog", "tenacity", "docstring_parser", *SOLE} - {"httpx", "httpcore"}
"""Extras, and the slow libraries of the core: what may be imported inside a function."""


OWN_LATE = {"agentkit/many/many.py": ("agentkit.many.store",)}
"""Modules of our own that are loaded late, by who does: SQLite costs 5 ms and 2 MB, and few runs name a file."""


def library(target):
    return target.split(".")[0]


def test_a_library_has_one_importer(package):
    found = [
        f"{source.at(one.line)}: only {SOLE[library(one.target)]} imports {library(one.target)}"
        for source in package
        for one in source.imports
        if not source.name.startswith(SOLE.get(library(one.target), "agentkit/"))
    ]
    assert not found, "\n".join(found)


def test_only_declared_libraries_are_imported(package):
    known = {*sys.stdlib_module_names, *CORE, *SOLE, "agentkit"}
    found = [
        f"{source.at(one.line)}: {library(one.target)} is not declared: use what is, or declare it in pyproject.toml"
        for source in package
        for one in source.imports
        if library(one.target) not in known
    ]
    assert not found, "\n".join(found)


def test_late_imports_are_for_extras_and_slow_libraries(package):
    found = [
        f"{source.at(one.line)}: {one.target} is imported inside a function: import it at the head"
        for source in package
        for one in source.imports
        if one.lazy and library(one.target) not in LATE
        # the face gives its names late (PEP 562), so that a part can be had without the whole
        if not (source.name == "agentkit/__init__.py" and library(one.target) == "agentkit")
        if one.target not in OWN_LATE.get(source.name, ())
    ]
    assert not found, "\n".join(found)


def test_importing_the_package_loads_no_extra_and_no_slow_library():
    script = "import json, sys; from agentkit import *; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = sorted(set(json.loads(done.stdout)) & {*LATE, "sqlite3"})
    assert not loaded, f"importing all of agentkit loads {loaded}: import them inside the function that needs them"


def test_importing_the_bare_package_loads_the_errors_only():
    """pytest loads the plugin, and so the package, in every project that has it installed."""
    script = (
        "import sys, agentkit; print(*sorted({name.split('.')[1] for name in sys.modules if name[:9] == 'agentkit.'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "errors"


BUILT = """
import sys
from pydantic import BaseModel, TypeAdapter
from agentkit import *

for module in [module for name, module in sys.modules.items() if name.split(".")[0] == "agentkit"]:
    for name, value in vars(module).items():
        model = isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ == module.__name__
        if model and value.__pydantic_complete__ or isinstance(value, TypeAdapter) and value.pydantic_complete:
            print(f"{module.__name__}.{name}")
"""
"""Prints the models and adapters that are complete though nothing used them yet."""


def test_importing_the_package_builds_no_pydantic_value():
    done = subprocess.run([sys.executable, "-c", BUILT], capture_output=True, text=True, check=True)
    assert not done.stdout.strip(), f"built at import: use defer_build=True, or build at the first use:\n{done.stdout}"
