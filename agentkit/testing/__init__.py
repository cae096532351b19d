"""Doubles for tests, shipped so that nobody needs a mock: scripted model, fake endpoint, cassettes, a pytest plugin.

The names come when they are first asked for: pytest loads the plugin, and so this package, in every project.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentkit.testing.cassette import recording
    from agentkit.testing.endpoint import FakeEndpoint
    from agentkit.testing.fault import Fault
    from agentkit.testing.key import stand_in_keys
    from agentkit.testing.network import shut_network
    from agentkit.testing.reply import call, calls
    from agentkit.testing.scripted import ScriptedModel
    from agentkit.testing.swap import swap_model

__all__ = [
    "FakeEndpoint",
    "Fault",
    "ScriptedModel",
    "call",
    "calls",
    "recording",
    "shut_network",
    "stand_in_keys",
    "swap_model",
]

_HOMES = {
    "FakeEndpoint": "endpoint",
    "Fault": "fault",
    "ScriptedModel": "scripted",
    "call": "reply",
    "calls": "reply",
    "recording": "cassette",
    "shut_network": "network",
    "stand_in_keys": "key",
    "swap_model": "swap",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
