from agentkit.session.transcript import markdown
from agentkit.wire.message import parse_messages


def test_a_history_becomes_markdown():
    calls = [
        {"id": "a", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}},
        {"id": "b", "type": "custom", "custom": {"name": "shell", "input": "ls"}},
    ]
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, {"type": "file", "file": {}}]},
        {"role": "assistant", "content": "Let me see.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "a", "content": "```"},
        {"role": "assistant", "refusal": "No."},
        {"role": "assistant", "content": None, "function_call": {"name": "old", "arguments": "{}"}},
        {"role": "function", "name": "old", "content": "1"},
    ]
    assert markdown(parse_messages(history)).split("\n\n") == [
        "## System",
        "Be brief.",
        "## User",
        "What is it?",
        "[file]",
        "## Assistant",
        "Let me see.",
        "Calls look (a):",
        '```\n{"at": 1}\n```',
        "Calls shell (b):",
        "```\nls\n```",
        "## Result of a",
        "````\n```\n````",
        "## Assistant",
        "No.",
        "## Assistant",
        "Calls old:",
        "```\n{}\n```",
        "## Result of old",
        "1",
    ]
