"""The project's own source, read once for all house tests; nothing of it is imported."""

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Import:
    """One import: what it names, where, and how late it happens."""

    target: str
    line: int
    lazy: bool
    relative: bool


@dataclass(frozen=True)
class Source:
    """One file of Python."""

    path: Path

    @cached_property
    def name(self):
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def text(self):
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self):
        return ast.parse(self.text, self.name)

    @cached_property
    def nodes(self):
        return list(ast.walk(self.tree))

    @cached_property
    def module(self):
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def comments(self):
        """Line and text of every comment; what stands in strings is none."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    @cached_property
    def imports(self):
        """Every import, of submodules too: `from agentkit.wire import sse` names `agentkit.wire.sse`."""
        inside = {
            inner
            for node in self.nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
        }
        found = []
        for node in self.nodes:
            if isinstance(node, ast.Import):
                found += [Import(name.name, node.lineno, node in inside, relative=False) for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                targets = {_target(node.module or "", name.name) for name in node.names}
                found += [Import(one, node.lineno, node in inside, relative=node.level > 0) for one in sorted(targets)]
        return found

    def at(self, where):
        """`file:line` of a node or a line."""
        return f"{self.name}:{where if isinstance(where, int) else where.lineno}"


def _target(module, name):
    below = ROOT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if below.with_suffix(".py").exists() or (below / "__init__.py").exists() else module


def _sources(folder):
    return [Source(path) for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def package():
    return _sources("agentkit")


@pytest.fixture(scope="session")
def tests():
    return _sources("tests")


@pytest.fixture(scope="session")
def examples():
    return _sources("examples")
