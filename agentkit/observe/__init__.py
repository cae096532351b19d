"""Runs made visible: logs now; traces are an extra."""

from agentkit.observe.log import Log

__all__ = ["Log"]
