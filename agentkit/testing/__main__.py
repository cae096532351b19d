"""`python -m agentkit.testing`: the fake endpoint in a process of its own, for benchmarks and for trying a client."""

from agentkit.testing.endpoint import main

__all__: list[str] = []

if __name__ == "__main__":
    main()
