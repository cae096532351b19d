"""What an installation brings: the distributions that one needs, and their size on disk."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

try:
    from packaging.requirements import Requirement
except ModuleNotFoundError:  # an environment of a peer may have it only inside pip
    from pip._vendor.packaging.requirements import Requirement

__all__ = ["installed"]

_OWN = Path(__file__).resolve().parents[2] / "agentkit"


def installed(*wanted: str) -> dict[str, Any]:
    """Count distributions with all that they require, and their megabytes, compiled files left out.

    Args:
        wanted: Requirements; their extras count, and those that they ask for.
    """
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(one) for one in wanted]
    while waiting:
        requirement = waiting.pop()
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            try:
                found[name] = distribution(name)
            except PackageNotFoundError:
                continue  # run from its source, or required on other platforms only
            needed = [Requirement(line) for line in found[name].requires or ()]
            waiting += [one for one in needed if one.marker is None or one.marker.evaluate({"extra": extra})]
    size = sum(_size(one) for one in found.values())
    return {"distributions": len(found), "installed_mb": size / 1e6}


def _size(one: Distribution) -> int:
    if one.metadata["Name"] == "agentkit-chat":  # it may be installed as a link to its source
        return sum(path.stat().st_size for path in _OWN.rglob("*.py"))
    paths = [Path(str(file.locate())) for file in one.files or () if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.is_file())
