"""Names of models resolved: "groq:llama-3.3-70b" becomes a `Model`, by sourced data on each provider."""

from agentkit.providers.catalog import PROVIDERS
from agentkit.providers.lookup import resolve
from agentkit.providers.provider import Dated, Provider

__all__ = ["PROVIDERS", "Dated", "Provider", "resolve"]
