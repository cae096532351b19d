"""Doubles for tests, shipped so that nobody needs a mock: a scripted model and a fake endpoint."""

from agentkit.testing.endpoint import FakeEndpoint
from agentkit.testing.fault import Fault
from agentkit.testing.reply import call, calls
from agentkit.testing.scripted import ScriptedModel

__all__ = ["FakeEndpoint", "Fault", "ScriptedModel", "call", "calls"]
