"""Servers that we did not write, each in a process of its own that ends with the tests."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).parent
AIMOCK = Path(os.environ.get("AIMOCK", HERE.parents[1] / ".venv" / "aimock")) / "node_modules/@copilotkit/aimock"


@contextlib.contextmanager
def process(command, *, ready, **options):
    """Start a server; give the first line it prints that holds `ready`, and end it afterwards."""
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **options
    )
    printed = []
    try:
        for line in server.stdout:
            printed.append(line)
            if ready in line:
                break
        else:
            pytest.fail(f"{command[0]} ended before it served:\n{''.join(printed)}")
        reader = threading.Thread(target=server.stdout.read)  # a full pipe that nobody reads would stop the server
        reader.start()
        yield line.strip()
        server.terminate()
        reader.join(10)
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.fixture(name="process", scope="session")
def process_fixture():
    """Start a server in a process of its own."""
    return process


@pytest.fixture(scope="session")
def llamacpp():
    """The base URL of a llama.cpp server with a model of 270 million parameters."""
    model = Path(tempfile.gettempdir()) / "agentkit-gemma3-270m-q4_k_m.gguf"  # 250 MB: put together once, not per run
    with process([sys.executable, str(HERE / "llamacpp.py"), str(model)], ready="http://") as line:
        yield line


@pytest.fixture(scope="session")
def aimock(tmp_path_factory):
    """The base URL of CopilotKit's aimock, which answers from fixtures and breaks what a header asks it to."""
    node = shutil.which("node")
    if node is None or not AIMOCK.exists():
        pytest.skip("aimock is not installed: `make aimock` (Node 20 or newer)")
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}))
    command = [node, str(AIMOCK / "dist/cli.js"), "-p", "0", "-h", "127.0.0.1", "-f", str(fixtures)]
    with process(command, ready="http://") as line:
        yield line[line.index("http://") :].split()[0].rstrip("/.,") + "/v1"


FIXTURES = [
    {"match": {"hasToolResult": True}, "response": {"content": "It is 18 degrees in Beijing."}},
    {
        "match": {"userMessage": "two cities"},
        "response": {
            "toolCalls": [
                {"name": "get_weather", "arguments": '{"city": "Beijing"}'},
                {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
            ]
        },
    },
    {
        "match": {"userMessage": "weather"},
        "response": {"toolCalls": [{"name": "get_weather", "arguments": '{"city": "Beijing"}'}]},
    },
    {
        "match": {"userMessage": "refused"},
        "response": {"error": {"message": "No.", "type": "invalid_request_error"}, "status": 400},
    },
    {"match": {}, "response": {"content": "Hello from a mock, in more than a few words."}},
]
