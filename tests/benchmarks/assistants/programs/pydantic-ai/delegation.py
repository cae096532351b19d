"""An agent that asks another one as it calls a tool; what both took is counted together."""

import json
import sys

from pydantic_ai import Agent, RunContext

researcher = Agent("openai-chat:gpt-4o-mini", instructions="Find facts.")
writer = Agent("openai-chat:gpt-4o-mini", instructions="Write one sentence.")


@writer.tool
async def research(context: RunContext, prompt: str) -> str:
    """Look up facts."""
    return (await researcher.run(prompt, usage=context.usage)).output


result = writer.run_sync(sys.argv[1])
print(json.dumps({"output": result.output, "tokens": result.usage.total_tokens}))
