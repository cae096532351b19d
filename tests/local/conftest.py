"""A package `needle` of our own that answers by the words it is given, so that workers run without the extra."""

import importlib
import json
import sys

import pytest

from agentkit.local.process import _ENGINES, _WEIGHTS
from agentkit.wire import ChatRequest

ENGINE = """
import json, os, socket, threading

class Needle:
    def __init__(self, tools, system, auto_date):
        if "unfit" in system:
            raise RuntimeError("these tools do not fit")
        self.tools, self.system, self.heard = json.loads(tools), system, []

    def reset(self):
        self.heard = []

    def complete(self, text):
        print("a stray line")
        self.heard.append(text)
        if "die" in text:
            os._exit(3)
        if "hang" in text:
            threading.Event().wait()
        if "phone home" in text:
            socket.create_connection(("127.0.0.1", 9))
        name = self.tools[0]["name"] if self.tools else "none"
        told = {"heard": self.heard, "system": self.system, "pid": os.getpid()}
        told["telemetry"] = os.environ["NEEDLE_TELEMETRY"]
        return {"function_calls": [{"name": name, "arguments": told}], "confidence": 0.9, "reasoning": "as told"}
"""


def _engine(folder, monkeypatch, program):
    package = folder / "needle"
    package.mkdir()
    (package / "__init__.py").write_text(program)
    (package / _ENGINES.get(sys.platform, "libneedle3")).touch()
    (package / _WEIGHTS).touch()
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    return package


@pytest.fixture
def engine(tmp_path, monkeypatch):
    """Give the folder of a package that answers with what it was told."""
    return _engine(tmp_path, monkeypatch, ENGINE)


@pytest.fixture
def make_engine(tmp_path, monkeypatch):
    """Give a function that makes the package from a program."""
    return lambda program: _engine(tmp_path, monkeypatch, program)


def function(name, description="", required=None, /, **properties):
    """Write a tool as the contract has it; a string is a described string parameter."""
    schemas = {
        key: {"type": "string", "description": value} if isinstance(value, str) else value
        for key, value in properties.items()
    }
    parameters = {"type": "object", "properties": schemas, "required": list(schemas if required is None else required)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


@pytest.fixture
def tool():
    """Give the function that writes a tool."""
    return function


@pytest.fixture
def ask():
    """Give a function that makes a request of messages (a string is the user's) and other fields."""

    def make(*messages, **fields):
        given = [{"role": "user", "content": text} if isinstance(text, str) else text for text in messages]
        return ChatRequest.parse({"messages": given, **fields})

    return make


@pytest.fixture
def called():
    """Give a function that writes an assistant message with calls, and the tool messages that answer them."""

    def make(*calls):
        made = [
            {"id": f"c{index}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
            for index, (name, arguments, _) in enumerate(calls)
        ]
        answers = [
            {"role": "tool", "tool_call_id": f"c{index}", "content": text} for index, (_, _, text) in enumerate(calls)
        ]
        return [{"role": "assistant", "content": None, "tool_calls": made}, *answers]

    return make
