"""A chat that remembers: what was said is kept in SQLite, and each process goes on from there."""

import json
import sys

from agents import Agent, Runner, SQLiteSession, set_default_openai_api

set_default_openai_api("chat_completions")

agent = Agent(name="Assistant", instructions="Be brief.", model="gpt-4o-mini")
result = Runner.run_sync(agent, sys.argv[1], session=SQLiteSession("main", "chat.db"))
print(json.dumps({"output": result.final_output}))
