"""The doctor at three servers that we did not write: what it must find at each, whatever the model says."""

import asyncio
import socket
import sys

import pytest

from agentkit import ChatModel
from agentkit.doctor import Bounds, examine
from agentkit.http import Profile

pytestmark = pytest.mark.real


@pytest.fixture
def llmock(process):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [sys.executable, "-m", "llmock.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with process(command, ready="running on"):
        yield f"http://127.0.0.1:{port}/v1"


def examined(base_url, model, **options):
    async def main():
        async with ChatModel(model, base_url=base_url, api_key="k") as asked:
            return await examine(asked, **options)

    return asyncio.run(main())


def verdicts(found):
    return {finding.probe: finding.verdict for finding in found.findings}


def test_llamacpp_does_all_that_agents_need(llamacpp):
    found = examined(llamacpp, "gemma3-270m", bounds=Bounds(reply_tokens=12, result_bytes=1000, seconds=400))
    assert found.is_well
    assert verdicts(found)["usage in stream"] == verdicts(found)["json schema"] == "works"
    assert found.requests <= 41


def test_llmock_does_all_but_know_its_models(llmock):
    found = examined(llmock, "gpt-4o-mini")
    assert found.is_well
    assert verdicts(found)["unknown model"] == "deviates"
    assert [finding.deviation for finding in found.findings if finding.deviation] == ["null_tool_calls"]
    assert found.profile == Profile(
        output_mode="native", formats_with_tools=True, source="agentkit doctor", checked=found.checked
    )


def test_aimock_calls_tools_also_where_that_is_forbidden(aimock):
    found = examined(aimock, "gpt-4o", vision=True)
    assert found.is_well
    assert verdicts(found)["no choice"] == "deviates"
    assert verdicts(found)["images"] == "works"
    assert "none" not in found.profile.tool_choices
