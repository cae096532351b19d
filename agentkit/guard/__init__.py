"""Middleware that watches over texts: checks, redaction, windows over long runs, a cache of tools' results."""

from agentkit.guard.cache import ToolCache
from agentkit.guard.guardrail import AskFirst, Block, Check, Decide, Guard, Question, Verdict
from agentkit.guard.redaction import Redact
from agentkit.guard.window import Window

__all__ = ["AskFirst", "Block", "Check", "Decide", "Guard", "Question", "Redact", "ToolCache", "Verdict", "Window"]
