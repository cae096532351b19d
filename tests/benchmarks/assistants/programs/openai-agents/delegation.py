"""An agent that asks another one as it calls a tool; what both took is counted together."""

import json
import sys

from agents import Agent, Runner, set_default_openai_api

set_default_openai_api("chat_completions")

researcher = Agent(name="Researcher", instructions="Find facts.", model="gpt-4o-mini")
writer = Agent(
    name="Writer",
    instructions="Write one sentence.",
    model="gpt-4o-mini",
    tools=[researcher.as_tool("research", "Look up facts.")],
)
result = Runner.run_sync(writer, sys.argv[1])
tokens = result.context_wrapper.usage.total_tokens
print(json.dumps({"output": result.final_output, "tokens": tokens}))
