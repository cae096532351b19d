"""Names of models resolved: `resolve` makes the `Model` of a name, with address and key from the environment.

A provider's key goes to the provider's own host only. Where an environment variable names another address, no key is
sent there: write `ChatModel(..., base_url=..., api_key=...)` for that. What runs at an address of the user's own
(`server`) has no other host than the one that he names, so its key goes where the address says.
"""

from __future__ import annotations

import difflib
import functools
import os

from agentkit.errors import ConfigurationError, MissingKeyError, UnknownModelError
from agentkit.http.address import Address
from agentkit.http.chat import ChatModel
from agentkit.http.key import Key
from agentkit.http.profile import Profile
from agentkit.local import LocalModel
from agentkit.model import Model
from agentkit.providers.catalog import PROVIDERS
from agentkit.providers.provider import Provider

__all__ = ["resolve"]

_LOCAL = "local"
_LOCAL_ENGINES = ("", "needle3")


def resolve(name: str) -> Model:
    """Make the model that a name stands for.

    Args:
        name: "provider:model", such as "openai:gpt-4o-mini", or "local" for the embedded model. The same name gives
            the same model, with its connections, while the environment says the same.

    Raises:
        UnknownModelError: No provider owns the name.
        MissingKeyError: The provider's key is not set; the text names its variables.
        ConfigurationError: The environment names an address that cannot be used.
        MissingExtraError: "local" without its extra.
    """
    prefix, colon, model = name.strip().partition(":")
    if prefix == _LOCAL:
        if model in _LOCAL_ENGINES:
            return LocalModel()
        raise UnknownModelError(f"There is no embedded model {model!r}. Write 'local' or 'local:needle3'.")
    provider = PROVIDERS.get(prefix.lower())
    if provider is None or not model:
        raise _unknown(name.strip(), prefix, model if colon else "")
    address, profile = _finished(provider, _address(provider))
    own = provider.own or Address.parse(address).origin == Address.parse(provider.base_url or "").origin
    variable = _key_variable(provider) if own else None
    return _chat_model(model, address, variable, profile, _no_key(provider, own=own))


@functools.lru_cache(256)
def _chat_model(model: str, address: str, variable: str | None, profile: Profile, no_key: str) -> ChatModel:
    """Make a model once, so that all who name it share its connections."""
    key = Key(lambda: os.environ.get(variable, ""), variable) if variable else None  # read anew before each request
    return ChatModel(model, base_url=address, api_key=key, profile=profile, no_key=no_key)


def _unknown(name: str, prefix: str, model: str) -> UnknownModelError:
    known = ", ".join((*sorted(PROVIDERS), _LOCAL))
    if not model and prefix.lower() in PROVIDERS:
        return UnknownModelError(f"{name!r} names no model. Write '{prefix}:' and the model's name behind it.")
    if not model:
        return UnknownModelError(
            f"{name!r} names no provider. Write 'provider:model', such as 'openai:{prefix or 'gpt-4o-mini'}'; "
            f"the providers are {known}."
        )
    near = difflib.get_close_matches(prefix.lower(), [*PROVIDERS, _LOCAL], 1)
    guess = f" Did you mean '{near[0]}:{model}'?" if near else ""
    return UnknownModelError(
        f"There is no provider {prefix!r}.{guess} The providers are {known}; "
        "for any other endpoint use ChatModel(name, base_url=...)."
    )


def _found(variables: tuple[str, ...]) -> tuple[str, str] | None:
    """Find the first variable that is set, and its value without white space round it."""
    return next(((name, value) for name in variables if (value := os.environ.get(name, "").strip())), None)


def _address(provider: Provider) -> str:
    found = _found(provider.address_variables)
    if found is not None:
        return _ollama(found[1]) if found[0] == "OLLAMA_HOST" else found[1]
    if provider.base_url is None:
        variable = provider.address_variables[-1]
        raise ConfigurationError(
            f"The address of {provider.name!r} is not set. Set {variable}, e.g. {variable}={provider.example}."
        )
    return provider.base_url


def _ollama(host: str) -> str:
    """Read OLLAMA_HOST as Ollama does: scheme, port and host may each be missing; "everywhere" is reached here."""
    scheme, mark, rest = host.rpartition("://")
    rest, _, path = rest.partition("/")
    place, _, port = rest.rpartition(":") if rest.rpartition(":")[2].isdecimal() else (rest, "", "")
    port = port or {"http": "80", "https": "443"}.get(scheme if mark else "", "11434")
    place = "127.0.0.1" if place in ("", "0.0.0.0", "[::]") else place  # noqa: S104  # what a server binds to
    return f"{scheme or 'http'}://{place}:{port}/{path.rstrip('/').removesuffix('v1')}".rstrip("/") + "/v1"


def _finished(provider: Provider, address: str) -> tuple[str, Profile]:
    """Give an address the ending that it lacks; or where a version is asked for, the path and query of that."""
    if not provider.ending:
        return address, provider.profile
    address = address.rstrip("/").removesuffix("/chat/completions")
    first = "/" + provider.ending.split("/")[1]
    path = "/" + address.partition("://")[2].partition("/")[2]
    deeper = f"{first}/" in path  # it names an API or a deployment already
    bare = address.removesuffix(first)
    dated = provider.dated
    version = _found((dated.variable,)) if dated else None
    if dated is None or version is None or path.endswith(provider.ending):
        return address if deeper else bare + provider.ending, provider.profile
    profile = provider.profile.replace(query=((dated.parameter, version[1]),))
    return (address, profile) if deeper else (bare, profile.replace(path=dated.path))


def _key_variable(provider: Provider) -> str | None:
    """Give the variable that holds the key; None where a server of one's own needs none."""
    found = _found(provider.key_variables)
    if found is not None:
        variable, key = found
        Key(key, variable)  # refuses at once what no header may hold
        return variable
    if provider.own:
        return None
    names = " or ".join(provider.key_variables)
    raise MissingKeyError(
        f"No key for {provider.name!r}: set {names}. Keys are made at the provider, see {provider.source}. "
        "Without any key 'local' runs the embedded model."
    )


def _no_key(provider: Provider, *, own: bool) -> str:
    names = " or ".join(provider.key_variables)
    if own:
        return f"No key was sent, for none is set: set {names}."
    return (
        f"No key was sent: {names} is for {provider.base_url} only, and {' or '.join(provider.address_variables)} "
        "names another host. For that host write ChatModel(name, base_url=..., api_key=...)."
    )
