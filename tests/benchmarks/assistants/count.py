"""How much code a program is, by one rule for all: lines that hold code, and tokens; texts that explain are none."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Size", "measure"]

_SILENT = {
    *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
    *(tokenize.ENCODING, tokenize.ENDMARKER),
}


@dataclass(frozen=True, slots=True)
class Size:
    """One program.

    Attributes:
        lines: Those that hold code; imports are code, blank lines, comments and docstrings are none.
        tokens: Names, numbers, texts, operators and brackets in these lines.
        names: The framework's own names that it takes: those of its imports.
    """

    lines: int
    tokens: int
    names: int


def measure(source: str, packages: tuple[str, ...]) -> Size:
    """Count a program's code, and the names that it imports from the packages."""
    tree = ast.parse(source)
    explained = {line for start, end in _docstrings(tree) for line in range(start, end + 1)}
    spans = [(start, end) for start, end in _tokens(source) if start not in explained]
    lines = {line for start, end in spans for line in range(start, end + 1)}
    names = {
        (node.module, name.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in packages
        for name in node.names
    }
    return Size(len(lines), len(spans), len(names))


def _tokens(source: str) -> Iterator[tuple[int, int]]:
    """Give the first and last line of each token; an f-string is one, also where Python 3.12 and later cut it up."""
    begun: list[int] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name == "FSTRING_START":
            begun.append(token.start[0])
        elif name == "FSTRING_END":
            start = begun.pop()
            if not begun:
                yield start, token.end[0]
        elif not begun and token.type not in _SILENT:
            yield token.start[0], token.end[0]


def _docstrings(tree: ast.Module) -> list[tuple[int, int]]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return [
        (node.body[0].lineno, node.body[0].end_lineno or node.body[0].lineno)
        for node in ast.walk(tree)
        if isinstance(node, kinds) and ast.get_docstring(node, clean=False) is not None
    ]
