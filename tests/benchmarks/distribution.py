"""What an installation brings: the distributions that one needs, and their size on disk."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

__all__ = ["installed"]

_OWN = Path(__file__).resolve().parents[2] / "agentkit"


def installed(name: str) -> dict[str, Any]:
    """Count a distribution with all that it requires without extras, and their megabytes, compiled files left out."""
    found: dict[str, Distribution] = {}
    waiting = [name]
    while waiting:
        wanted = waiting.pop()
        if wanted in found:
            continue
        try:
            found[wanted] = distribution(wanted)
        except PackageNotFoundError:
            continue  # run from its source, or required on other platforms only
        for line in found[wanted].requires or ():
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name.lower().replace("_", "-"))
    size = sum(_size(one) for one in found.values())
    return {"distributions": len(found), "installed_mb": size / 1e6}


def _size(one: Distribution) -> int:
    if one.metadata["Name"] == "agentkit-chat":  # it may be installed as a link to its source
        return sum(path.stat().st_size for path in _OWN.rglob("*.py"))
    paths = [Path(str(file.locate())) for file in one.files or () if file.suffix != ".pyc"]
    return sum(path.stat().st_size for path in paths if path.is_file())
