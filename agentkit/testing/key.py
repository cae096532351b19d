"""Keys that stand in for real ones while nothing is sent, so that names of models resolve in a replay."""

from __future__ import annotations

import os

from agentkit.providers import PROVIDERS

__all__ = ["stand_in_keys"]

_STAND_IN = "no-key-is-needed-in-a-replay"


def stand_in_keys() -> dict[str, str]:
    """Give the environment variables to set: one for each provider that has no key, with a text that opens nothing."""
    return {
        provider.key_variables[0]: _STAND_IN
        for provider in PROVIDERS.values()
        if provider.key_variables and not any(os.environ.get(name, "").strip() for name in provider.key_variables)
    }
