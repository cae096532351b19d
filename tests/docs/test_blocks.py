"""Every Python block of README and docs runs; model names lead to the fake endpoint."""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [page for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))) if page.exists()]

FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<code>.*?)^(?P=indent)```\s*$", re.MULTILINE | re.DOTALL)
LEFT_OUT = re.compile(r"<!--\s*not run:(?P<reason>[^\n]*?)-->\s*\Z")

RUNNER = """
import ast, asyncio, inspect, sys, types
import agentkit.providers
from agentkit import ChatModel
from agentkit.testing.endpoint import FakeEndpoint

page, *blocks = sys.stdin.read().split("\\0")
with FakeEndpoint() as endpoint:
    def resolve(name):
        return ChatModel("fake", base_url=endpoint.base_url)

    original = agentkit.providers.resolve
    for module in [module for name, module in sys.modules.items() if name.startswith("agentkit")]:
        if vars(module).get("resolve") is original:
            module.resolve = resolve
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    with asyncio.Runner() as runner:
        for block in blocks:
            code = compile(block, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            waiting = eval(code, vars(main))
            if inspect.iscoroutine(waiting):
                runner.run(waiting)
"""
"""Runs the blocks of one page in one namespace, as a notebook would; names of models lead to one fake model."""


@dataclass(frozen=True)
class Block:
    """One fenced block of Python: its line, its code, and why it is left out, if it is."""

    line: int
    code: str
    reason: str | None


def blocks_of(text):
    found = []
    for match in FENCE.finditer(text):
        if match["kind"] not in {"python", "py", "pycon"}:
            continue
        mark = LEFT_OUT.search(text[: match.start()])
        lines = match["code"].splitlines()
        code = "\n".join(line.removeprefix(match["indent"]) for line in lines)
        found.append(Block(text.count("\n", 0, match.start()) + 2, code, mark and mark["reason"].strip()))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_blocks_of_a_page_run(page, tmp_path):
    blocks = [block for block in blocks_of(page.read_text(encoding="utf-8")) if block.reason is None]
    # Empty lines before each block make the lines of a traceback those of the page.
    codes = ["\n" * (block.line - 1) + block.code for block in blocks]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER],
        check=False,
        input="\0".join([str(page), *codes]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 0, f"{page.name}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_that_are_left_out_say_why(page):
    left = [f"{page.name}:{block.line}" for block in blocks_of(page.read_text(encoding="utf-8")) if block.reason == ""]
    assert not left, f"{left}: write <!-- not run: reason --> with a reason"


def test_a_mark_leaves_out_the_next_block_only():
    text = "<!-- not run: needs a key -->\n```python\na\n```\n```py\nb\n```\n```sh\nc\n```"
    assert blocks_of(text) == [Block(3, "a", "needs a key"), Block(6, "b", None)]


def test_blocks_inside_lists_lose_their_indent():
    text = "- so:\n\n  ```python\n  if x:\n      y\n  ```\n"
    assert blocks_of(text) == [Block(4, "if x:\n    y", None)]
