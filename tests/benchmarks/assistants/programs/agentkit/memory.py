"""A chat that remembers: what was said is kept in SQLite, and each process goes on from there."""

import json
import sys

from agentkit import Agent
from agentkit.session import SqliteStore

agent = Agent("openai:gpt-4o-mini", instructions="Be brief.")
result = agent.run_sync(sys.argv[1], session=SqliteStore("chat.db").session("main"))
print(json.dumps({"output": result.output}))
