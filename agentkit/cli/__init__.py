"""The program `agentkit` (extra `cli`); without the extra it is one line that says how to install it."""

from __future__ import annotations

import sys

try:
    from agentkit.cli.program import main
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("typer", "rich"):
        raise

    def main() -> int:  # type: ignore[misc] # without the arguments, which nothing could read
        """Say what is missing."""
        print("error: The command line needs the extra `cli`: pip install 'agentkit-chat[cli]'.", file=sys.stderr)
        return 2


__all__ = ["main"]
