"""Values out of many texts, two at a time; the next call does only what failed or is missing."""

import asyncio
import json
import sqlite3
import sys

from agents import Agent, AgentsException, Runner, set_default_openai_api
from openai import OpenAIError
from pydantic import BaseModel

set_default_openai_api("chat_completions")


class Contact(BaseModel):
    name: str
    mail: str


agent = Agent(
    name="Reader", instructions="Extract the contact.", model="gpt-4o-mini", output_type=Contact
)
db = sqlite3.connect("contacts.sqlite")
db.execute("CREATE TABLE IF NOT EXISTS contacts (text TEXT PRIMARY KEY, contact TEXT NOT NULL)")
places = asyncio.Semaphore(2)


async def extract(text: str) -> Contact | Exception:
    """Read one text, unless it was read before; an error is kept in the place of a value."""
    row = db.execute("SELECT contact FROM contacts WHERE text = ?", [text]).fetchone()
    if row:
        return Contact.model_validate_json(row[0])
    async with places:
        try:
            contact = (await Runner.run(agent, text)).final_output
        except (AgentsException, OpenAIError) as error:
            return error
    with db:
        db.execute(
            "INSERT OR REPLACE INTO contacts VALUES (?, ?)", [text, contact.model_dump_json()]
        )
    return contact


async def main() -> None:
    """Read all, and say what came of them."""
    found = await asyncio.gather(*map(extract, sys.argv[1:]))
    names = [contact.name for contact in found if isinstance(contact, Contact)]
    failed = {i: str(one) for i, one in enumerate(found) if isinstance(one, Exception)}
    print(json.dumps({"names": names, "failed": failed}))


asyncio.run(main())
