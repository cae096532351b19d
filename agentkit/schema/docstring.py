"""A docstring's description and parameter texts are born here, for `signature` and for the classes that a schema names.

The style is found by our own look at the section marks. Google's is read here, for it is the most common one and takes
few lines; docstring_parser parses what was marked in the others.
"""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Literal

__all__ = ["Docstring", "SchemaWarning", "parse_docstring"]

_Kind = Literal["param", "returns", "other"]
_Style = Literal["google", "numpydoc", "rest", "epydoc"]

_TITLES: dict[str, _Kind] = {
    **dict.fromkeys(("Args", "Arguments", "Parameters", "Params", "Keyword Args", "Keyword Arguments"), "param"),
    **dict.fromkeys(("Other Parameters", "Attributes"), "param"),
    **dict.fromkeys(("Returns", "Return"), "returns"),
    **dict.fromkeys(("Yields", "Yield", "Raises", "Raise", "Except", "Exceptions", "Warns", "See Also"), "other"),
    **dict.fromkeys(("Example", "Examples", "References", "Methods"), "other"),
}
_UNDERLINED: dict[str, _Kind] = {**_TITLES, **dict.fromkeys(("Notes", "Warnings", "Receives"), "other")}
_FIELDS: dict[str, _Kind] = {
    **dict.fromkeys(("param", "parameter", "arg", "argument", "key", "keyword", "kwarg", "ivar", "var"), "param"),
    **dict.fromkeys(("returns", "return"), "returns"),
    **dict.fromkeys(("type", "rtype", "raises", "raise", "except", "exception", "yield", "yields", "ytype"), "other"),
}
_HEADING = re.compile(r"([ \t]*)([A-Z][A-Za-z ]*?)[ \t]*(:?)[ \t]*")
_RULE = re.compile(r"[ \t]*-{3,}[ \t]*")
_FIELD = re.compile(rf"([ \t]*)([:@])({'|'.join(_FIELDS)})\b([^:\n]*):(.*)")
_ITEM = re.compile(r"(\*{0,2}`?\*{0,2}\w+`?(?:\s*,\s*`?\*{0,2}\w+`?)*)\s*(?:\(.*?\))?\s*:")
_TYPED = re.compile(r"[^:\s]+:|[^:]*\]:")  # what comes back, after its type: `str: A text.`
# The cheap question that most docstrings answer with no: is any section marked at all?
_MARKED = re.compile(
    rf"^[ \t]*(?:(?:{'|'.join(_UNDERLINED)})[ \t]*(?::[ \t]*$|:?[ \t]*\n[ \t]*---)|[:@]\w+[^:\n]*:)", re.MULTILINE
)


class SchemaWarning(UserWarning):
    """Something written for a schema is not in it, although the schema itself is sound."""


@dataclass(frozen=True, slots=True)
class Docstring:
    """What a docstring says to a model.

    Attributes:
        description: Short and long text, without the sections.
        params: The text of each known parameter that has one.
        returns: The text of the section on the result, if there is one.
    """

    description: str
    params: Mapping[str, str]
    returns: str | None


@dataclass(slots=True)
class _Section:
    style: _Style
    kind: _Kind
    indent: int
    name: str = ""
    body: list[str] = field(default_factory=list[str])
    loose: bool = False

    def ends_before(self, line: str) -> bool:
        """Tell whether a line without a mark of its own is no longer part of this section."""
        if self.style == "numpydoc":
            return False
        if self.loose:
            return not line.strip()
        if not line.strip() or _indent(line) > self.indent:
            return False
        if self.style != "google":  # a field goes on without indentation until a blank line
            return not self.body[-1].strip() and len(self.body) > 1
        # `Args:` whose items are not indented is common enough to be read
        self.loose = self.kind == "param" and not any(map(str.strip, self.body)) and bool(_ITEM.match(line.strip()))
        return not self.loose


def parse_docstring(text: str | None, parameters: Collection[str], *, where: str) -> Docstring:
    """Split a docstring into what describes the whole and what describes each parameter.

    Google, NumPy, Sphinx and Epydoc marks are read, blank lines around them or not, several styles in one text too.

    Args:
        text: The docstring as written; None and "" have an empty description.
        parameters: The names that count as known, hidden ones included.
        where: What the docstring belongs to, for the warning, as `Tool 'search'`.

    Warns:
        SchemaWarning: When parameters are marked and none of the marked ones is known.
    """
    clean = inspect.cleandoc(text).strip() if text else ""
    if not _MARKED.search(clean):
        return Docstring(clean, {}, None)
    plain, sections = _split(clean.splitlines())
    params: dict[str, str] = {}
    returns: str | None = None
    styles: list[_Style] = [section.style for section in sections]
    for style in dict.fromkeys(styles):
        found, result = _read(style, [section for section in sections if section.style == style])
        params = {name: said for name, said in found.items() if name in parameters} | params
        returns = returns or result
    if parameters and not params and any(section.kind == "param" for section in sections):
        warnings.warn(
            f"{where}: its docstring marks a section on parameters, but describes none of {', '.join(parameters)}. "
            "Write `Args:` and below it, indented, one line `name: text` for each.",
            SchemaWarning,
            stacklevel=2,
        )
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(plain)).strip()
    return Docstring(description, params, returns)


def _split(lines: list[str]) -> tuple[list[str], list[_Section]]:
    plain: list[str] = []
    sections: list[_Section] = []
    current: _Section | None = None
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if opened := _open(line, below):
            # below a mark on the very first line, cleaning has taken the indentation away
            opened.loose = opened.style == "google" and not plain and not sections
            sections.append(opened)
            current = opened
        elif current is None or current.ends_before(line):
            if current is not None and plain and plain[-1].strip():
                plain.append("")
            plain.append(line)
            current = None
        else:
            current.body.append(line.rstrip())
    return plain, sections


def _open(line: str, below: str) -> _Section | None:
    start = line.lstrip()[:1]
    if start in {":", "@"} and (found := _FIELD.fullmatch(line)) is not None:
        indent, mark, kind, words, rest = found.groups()
        name = words.split()[-1] if words.strip() else ""
        return _Section("rest" if mark == ":" else "epydoc", _FIELDS[kind], len(indent), name, [rest.strip()])
    if not start.isupper() or (found := _HEADING.fullmatch(line)) is None:
        return None
    indent, title, colon = found.groups()
    if title in _UNDERLINED and _RULE.fullmatch(below):
        return _Section("numpydoc", _UNDERLINED[title], len(indent))
    if title in _TITLES and colon:
        return _Section("google", _TITLES[title], len(indent))
    return None


def _read(style: _Style, sections: list[_Section]) -> tuple[dict[str, str], str | None]:
    """Read the sections of one style: the text of each parameter, and that on the result."""
    if style != "google":
        return _parse(style, sections)
    found: dict[str, str] = {}
    for section in sections:
        if section.kind == "param":
            found = _items(section.body) | found
    results = ("\n".join(section.body) for section in sections if section.kind == "returns")
    result = inspect.cleandoc(next(results, ""))
    if (typed := _TYPED.match(result)) is not None:
        result = _text(result[typed.end() :].splitlines()) or typed[0][:-1]
    return found, result or None


def _items(body: list[str]) -> dict[str, str]:
    """Read the items of a Google section, where a deeper line goes on with the item before it."""
    depth = next((_indent(line) for line in body if line.strip()), 0)
    items: list[tuple[str, list[str]]] = []
    for line in body:
        if _indent(line) <= depth and (item := _ITEM.match(line.strip())) is not None:
            items.append((item[1], [line.strip()[item.end() :]]))
        elif items:  # a line before the first item belongs to no parameter
            items[-1][1].append(line)
    found: dict[str, str] = {}
    for names, lines in items:
        for name in names.split(",") if (said := _text(lines)) else ():
            found.setdefault(name.strip(" *`"), said)
    return found


def _text(lines: list[str]) -> str:
    """Join what stands behind a mark and the lines below it, whose indentation is their own."""
    first, *rest = lines or [""]
    return "\n".join([first, inspect.cleandoc("\n".join(rest))]).strip()


def _parse(style: _Style, sections: list[_Section]) -> tuple[dict[str, str], str | None]:
    """Have the library parse the sections of one style, written out again without what would make it lose them all."""
    from docstring_parser import DocstringStyle, ParseError, parse  # noqa: PLC0415 - 10 ms, and most tools need none

    # a first line of its own, for the library removes the indentation that all later lines share
    text = "\n".join(["-", "", *_rewrite(style, sections)])
    try:
        parsed = parse(text, DocstringStyle[style.upper()])
    except ParseError:
        return {}, None
    found: dict[str, str] = {}
    for param in parsed.params:
        for name in param.arg_name.split(","):
            if param.description:
                found.setdefault(name.strip(" *`"), param.description.strip())
    result = parsed.returns
    return found, (result.description or result.type_name if result else None)


def _rewrite(style: _Style, sections: list[_Section]) -> Iterator[str]:
    params = [section for section in sections if section.kind == "param"]
    returns = [section for section in sections if section.kind == "returns"][:1]
    if style in {"rest", "epydoc"}:
        for section in params + returns:
            opening = f"param {section.name.strip('*`')}" if section.kind == "param" else "return"
            yield f"{':' if style == 'rest' else '@'}{opening}: {section.body[0]}"
            yield from (f"    {line.strip()}" for line in section.body[1:])
        return
    for title, members in (("Parameters", params), ("Returns", returns)):
        for section in members:
            yield from (title, "-" * len(title), dedent("\n".join(section.body[1:])), "")
            title = f"Other {title}"  # noqa: PLW2901 - the library keeps only the last section of a title


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
