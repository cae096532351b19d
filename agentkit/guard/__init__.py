"""Middleware that watches over texts: checks of what goes in and out, redaction, and a cache of tools' results."""

from agentkit.guard.cache import ToolCache
from agentkit.guard.guardrail import AskFirst, Block, Check, Decide, Guard, Question, Verdict
from agentkit.guard.redaction import Redact

__all__ = ["AskFirst", "Block", "Check", "Decide", "Guard", "Question", "Redact", "ToolCache", "Verdict"]
