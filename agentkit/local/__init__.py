"""The embedded model (extra `local`): a `Model` without key and network. Importing it loads no engine."""

from agentkit.local.model import LocalModel
from agentkit.local.pool import Pool

__all__ = ["LocalModel", "Pool"]
