"""A chat that remembers: what was said is kept in SQLite, and each process goes on from there."""

import json
import sqlite3
import sys

from pydantic_ai import Agent, ModelMessagesTypeAdapter

agent = Agent("openai-chat:gpt-4o-mini", instructions="Be brief.")
db = sqlite3.connect("chat.db")
db.execute("CREATE TABLE IF NOT EXISTS chats (id TEXT PRIMARY KEY, messages BLOB NOT NULL)")
row = db.execute("SELECT messages FROM chats WHERE id = 'main'").fetchone()
history = ModelMessagesTypeAdapter.validate_json(row[0]) if row else []
result = agent.run_sync(sys.argv[1], message_history=history)
with db:
    db.execute("INSERT OR REPLACE INTO chats VALUES ('main', ?)", [result.all_messages_json()])
print(json.dumps({"output": result.output}))
