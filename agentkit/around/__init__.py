"""Models around models: one for several, paced, a few at once, or kept; each is a `Model` and goes round any other."""

from agentkit.around.cache import Cache
from agentkit.around.concurrency import Concurrency
from agentkit.around.fallback import Fallback, is_worth_another
from agentkit.around.layer import Layer, leaving
from agentkit.around.ratelimit import RateLimit
from agentkit.around.sqlite import SqliteStore
from agentkit.around.store import MemoryStore, Store

__all__ = [
    "Cache",
    "Concurrency",
    "Fallback",
    "Layer",
    "MemoryStore",
    "RateLimit",
    "SqliteStore",
    "Store",
    "is_worth_another",
    "leaving",
]
