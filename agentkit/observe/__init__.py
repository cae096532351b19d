"""Runs made visible: as log lines, and as spans and metrics of OpenTelemetry (extra `otel`)."""

from agentkit.observe.log import Log
from agentkit.observe.trace import Trace

__all__ = ["Log", "Trace"]
