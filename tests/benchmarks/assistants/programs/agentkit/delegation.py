"""An agent that asks another one as it calls a tool; what both took is counted together."""

import json
import sys

from agentkit import Agent

researcher = Agent("openai:gpt-4o-mini", instructions="Find facts.")
writer = Agent(
    "openai:gpt-4o-mini",
    tools=[researcher.as_tool("research", "Look up facts.")],
    instructions="Write one sentence.",
)
result = writer.run_sync(sys.argv[1])
print(json.dumps({"output": result.output, "tokens": result.usage.total_tokens}))
