"""Values out of many texts, two at a time; the next call does only what failed or is missing."""

import json
import sys

from pydantic import BaseModel

from agentkit import Agent


class Contact(BaseModel):
    name: str
    mail: str


agent = Agent("openai:gpt-4o-mini", output=Contact, instructions="Extract the contact.")
mapped = agent.map_sync(sys.argv[1:], concurrency=2, store="contacts.sqlite").result()
names = [outcome.output.name for outcome in mapped.done]
failed = {outcome.index: str(outcome.error) for outcome in mapped.failed}
print(json.dumps({"names": names, "failed": failed}))
