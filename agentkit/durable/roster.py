"""Who of this process uses which database, and the worker that it has for them: both end with the last one.

`DurableAgent` signs in where it is used, and out where it is closed.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any
from weakref import WeakSet

from agentkit.durable.engine import Engine
from agentkit.durable.worker import Served, Worker

__all__ = ["leave", "serve", "use"]

_guard = threading.RLock()
_turn = threading.Lock()  # a worker begins when the one before it has ended
_workers: dict[Engine, Worker] = {}
_served: dict[Engine, list[Served]] = {}
_users: dict[Engine, WeakSet[Any]] = {}


def use(engine: Engine, user: object) -> None:
    """Note that a database is used by something, until that leaves or nobody has it any more."""
    with _guard:
        _users.setdefault(engine, WeakSet()).add(user)


def serve(engine: Engine, agent: Served, lease: float) -> Worker:
    """Have this process carry out an agent's runs, and give the worker that does, of which there is one.

    Args:
        engine: The database.
        agent: Whose runs.
        lease: Seconds that the worker may be silent, if it is made now.
    """
    with _turn, _guard:
        use(engine, agent)
        worker = _workers.get(engine)
        if worker is None:
            worker = Worker(engine, [agent], lease=lease)
            worker.start()
            _workers[engine] = worker
        else:
            worker.serve(agent)
        served = _served.setdefault(engine, [])
        if not any(one is agent for one in served):
            served.append(agent)
        return worker


async def leave(engine: Engine, user: object) -> None:
    """Use a database no more; the last agent that is served stops the worker, the last user closes the connections.

    Until then the worker goes on with the runs of all of them. Where this is cancelled, it ends all the same.
    """
    await asyncio.to_thread(_leave, engine, user)


def _leave(engine: Engine, user: object) -> None:
    with _turn:
        with _guard:
            _users.get(engine, WeakSet[Any]()).discard(user)
            left = [one for one in _served.get(engine, ()) if one is not user]
            _served[engine] = left
            worker = None if left else _workers.pop(engine, None)
        if worker is not None:
            asyncio.run(worker.drained())
            worker.stop()
        with _guard:
            is_used = bool(left or _users.get(engine))
            if not is_used:
                _served.pop(engine, None)
                _users.pop(engine, None)
        if not is_used:
            engine.close()
