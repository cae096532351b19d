"""`Provider`: what is known of one provider, as a value; each fact of its profile with the address of its source.

`cloud` and `server` hold the data, `lookup` makes models of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from agentkit.http.profile import Profile

__all__ = ["Dated", "Provider"]

_DEFAULT = Profile()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """The other, versioned addresses of an API, asked for where a variable names a version (Azure).

    Attributes:
        variable: The environment variable that names the version.
        parameter: The name of the version in the query.
        path: What follows the address then; `{model}` stands for the deployment's name.
    """

    variable: str
    parameter: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is known of one provider.

    Attributes:
        name: What stands before the colon.
        base_url: Its address; None where each user has one of his own.
        source: Where the provider documents its API.
        checked: When the address, and each fact of `sources`, was read there; None where the address is only commonly
            known to be so.
        key_variables: Environment variables that may hold the key, the first that is set counts; `NAME_API_KEY`.
        address_variables: Those that may name another address; `NAME_BASE_URL`.
        own: Whether it is a server of the user's, which may do without a key.
        profile: What it wants otherwise than most.
        sources: Where each field of the profile that is not the default was read, by the field's name; `base_url`
            too, where that was read elsewhere than in `source`.
        ending: The path that an address of the user's ends with, and that is added where it lacks.
        example: Such an address, for errors.
        dated: The versioned form of such an address.
    """

    name: str
    base_url: str | None
    source: str
    checked: date | None = None
    key_variables: tuple[str, ...] = ()
    address_variables: tuple[str, ...] = ()
    own: bool = False
    profile: Profile = _DEFAULT
    sources: Mapping[str, str] = field(default_factory=dict[str, str])
    ending: str = ""
    example: str = ""
    dated: Dated | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_variables", self.key_variables or (f"{self.name.upper()}_API_KEY",))
        object.__setattr__(self, "address_variables", self.address_variables or (f"{self.name.upper()}_BASE_URL",))

    @property
    def facts(self) -> dict[str, object]:
        """Give the fields of its profile that are not the default, each with its value."""
        values = ((one.name, getattr(self.profile, one.name)) for one in dataclasses.fields(Profile))
        return {name: value for name, value in values if value != getattr(_DEFAULT, name)}
