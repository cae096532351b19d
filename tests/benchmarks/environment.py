"""The peers' environments: one each, made from the requirements beside their programs, all versions pinned."""

import hashlib
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["FOLDER", "PEERS", "fast_libraries", "pins", "python_of"]

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]

FOLDER = _ROOT / ".venv" / "peers"

PEERS = {
    "pydantic-ai": ("pydantic-ai-slim",),
    "openai-agents": ("openai-agents",),
    "langchain": ("langchain", "langchain-openai"),
    "agno": ("agno",),
    "agent-framework": ("agent-framework-core", "agent-framework-openai"),
    "strands-agents": ("strands-agents",),
    "smolagents": ("smolagents",),
    "instructor": ("instructor",),
}
"""Each with the distributions whose versions are told."""


def python_of(peer: str, folder: Path = FOLDER) -> str:
    """Give the interpreter of a peer's environment, which is made where it is not there yet or has other pins."""
    requirements = _HERE / "peers" / f"{peer}.txt"
    mark = hashlib.sha256(requirements.read_bytes()).hexdigest()
    home = folder / peer
    python, stamp = home / "bin" / "python", home / "pins.sha256"
    if not stamp.exists() or stamp.read_text() != mark:
        venv.create(home, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "-r", requirements], check=True, stdout=sys.stderr)
        stamp.write_text(mark)
    return str(python)


def pins(peer: str) -> dict[str, str]:
    """Give the versions of a peer and of the client that it asks by."""
    pinned = dict(line.split("==") for line in (_HERE / "peers" / f"{peer}.txt").read_text().split())
    return {name: pinned[name] for name in (*PEERS[peer], "openai", "httpx", "httpx2", "pydantic") if name in pinned}


def fast_libraries() -> dict[str, str]:
    """Give what the extra `fast` names and is installed here, with the versions; nothing where one is missing."""
    extras = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found: dict[str, str] = {}
    for line in extras.get("fast", ()):
        name = line.split(";")[0].split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip()
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            return {}
    return found
