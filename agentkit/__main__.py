"""`python -m agentkit`: the program, as the command `agentkit` runs it."""

import sys

from agentkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
