"""`PROVIDERS`: every provider by its name, for `lookup` and all who look one up, and the same as a page shows it."""

from __future__ import annotations

from typing import cast

from agentkit.http.profile import Profile
from agentkit.providers.cloud import CLOUD
from agentkit.providers.provider import Provider
from agentkit.providers.server import SERVER

__all__ = ["PROVIDERS", "as_table"]

PROVIDERS: dict[str, Provider] = {provider.name: provider for provider in (*CLOUD, *SERVER)}
"""Every provider by its name. No call was made to any of them: the data are what their sources say."""

_HEAD = "| provider | address | key variable | wanted otherwise than most, and where that is said | read |"


def as_table() -> str:
    """Write all providers as a Markdown table, a line each, as docs/providers.md shows it."""
    return "\n".join([_HEAD, "| --- | --- | --- | --- | --- |", *map(_line, PROVIDERS.values())])


def _line(provider: Provider) -> str:
    variables = ", ".join(f"`{name}`" for name in provider.key_variables)
    facts = [f"[`{name}`]({provider.sources[name]}) {_shown(name, value)}" for name, value in provider.facts.items()]
    return (
        f"| [`{provider.name}`]({provider.source}) | {_address(provider)} | {variables} "
        f"| {'<br>'.join(facts) or 'nothing known'} | {provider.checked or 'no'} |"
    )


def _address(provider: Provider) -> str:
    place = f"`{provider.base_url}`" if provider.base_url else f"`{provider.address_variables[-1]}={provider.example}`"
    seen = provider.sources.get("base_url")
    return f"{place} ([seen]({seen}))" if seen else place


def _shown(name: str, value: object) -> str:
    """Show a fact; of the lists of what is taken, what is missing."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, tuple):
        return str(value)
    several = cast("tuple[object, ...]", value)
    every = cast("tuple[object, ...]", getattr(Profile(), name))
    missing = [str(one) for one in every if one not in several]
    return f"without {', '.join(missing)}" if missing else ", ".join(map(str, several))
