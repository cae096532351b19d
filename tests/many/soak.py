"""Many inputs through `Agent.map` over sockets: `python tests/many/soak.py [INPUTS]` says what memory, time, requests.

The endpoint is a process of its own, so that the memory is that of the client alone.
"""

import asyncio
import gc
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SERVER = """
import sys
from agentkit.testing.endpoint import FakeEndpoint

with FakeEndpoint(record=False) as endpoint:
    print(endpoint.base_url, flush=True)
    sys.stdin.read()
    print(endpoint._answered, flush=True)
"""


def memory() -> int:
    """Give the resident memory in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def soak(url: str, count: int, store: str | None) -> None:
    """Map the inputs and print what it took."""
    from agentkit import Agent, ChatModel

    model = ChatModel("m", base_url=url)
    agent, early, late = Agent(model), 0, 0
    began, cpu = time.perf_counter(), time.process_time()
    texts = (f"input {number}: {'some text to be read ' * 20}" for number in range(count))
    async with agent.map(texts, concurrency=50, store=store, progress=False) as many:
        async for outcome in many:
            _ = outcome.output
            if outcome.index == count // 10:
                gc.collect()
                early = memory()
        gc.collect()
        late = memory()
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    await model.aclose()
    sys.stdout.write(
        f"{count} inputs{' with store' if store else ''}: {many.summary}\n"
        f"  memory {early} KiB after {count // 10}, {late} KiB at the end: {late - early:+} KiB\n"
        f"  {seconds:.1f} s, {cpu / count * 1e6:.0f} us CPU an input\n"
    )


def main() -> None:
    """Run it without a store, with one, and once more, when all is restored."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", SERVER], stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        with tempfile.TemporaryDirectory() as folder:
            for store in (None, f"{folder}/run.sqlite", f"{folder}/run.sqlite"):
                asyncio.run(soak(url, count, store))
        server.stdin.close()
        sys.stdout.write(f"{int(server.stdout.readline()) // 2} requests each of the first two times, none the third\n")


if __name__ == "__main__":
    main()
