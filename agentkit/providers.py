"""Names of models resolved: "groq:llama-3.3-70b" becomes a `Model`, by data on each provider with its source and date.

A provider's key goes to the provider's own host only. Where an environment variable names another address, no key is
sent there: write `ChatModel(..., base_url=..., api_key=...)` for that. Servers of your own (Azure, Ollama, vLLM,
llama.cpp, LM Studio) have no other host than the one that you name, so their key goes where their address says.
"""

from __future__ import annotations

import difflib
import functools
import os
from dataclasses import dataclass, field, replace
from datetime import date

from agentkit.errors import ConfigurationError, MissingKeyError, UnknownModelError
from agentkit.http.address import Address
from agentkit.http.chat import ChatModel
from agentkit.http.key import Key
from agentkit.http.profile import Profile
from agentkit.local import LocalModel
from agentkit.model import Model

__all__ = ["PROVIDERS", "Provider", "resolve"]

_LOCAL = "local"
_LOCAL_ENGINES = ("", "needle3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What is known of one provider.

    Attributes:
        name: What stands before the colon.
        base_url: Its address; None where each user has one of his own.
        source: The documentation of that.
        checked: When the source was read; None where the address is only commonly known to be so.
        key_variables: Environment variables that may hold the key, the first that is set counts; `NAME_API_KEY`.
        address_variables: Those that may name another address; `NAME_BASE_URL`.
        own: Whether it is a server of the user's, which may do without a key.
        profile: What it wants otherwise than most.
    """

    name: str
    base_url: str | None
    source: str
    checked: date | None = None
    key_variables: tuple[str, ...] = ()
    address_variables: tuple[str, ...] = ()
    own: bool = False
    profile: Profile = field(default_factory=Profile)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_variables", self.key_variables or (f"{self.name.upper()}_API_KEY",))
        object.__setattr__(self, "address_variables", self.address_variables or (f"{self.name.upper()}_BASE_URL",))


_OPENAI = Profile(max_tokens_field="max_completion_tokens", output_mode="native")
_AZURE = replace(_OPENAI, key_header="api-key")
_MISTRAL = Profile(stream_usage=False)  # sends it always, and was seen to refuse the field that asks for it
_READ = date(2026, 11, 22)

PROVIDERS: dict[str, Provider] = {
    provider.name: provider
    for provider in (
        Provider(
            name="openai",
            base_url="https://api.openai.com/v1",
            profile=_OPENAI,
            source="https://platform.openai.com/docs/api-reference/chat/create",
        ),
        Provider(
            name="4allapi",
            base_url="https://api.4allapi.com/v1",
            key_variables=("4ALLAPI_API_KEY", "FOURALLAPI_API_KEY"),  # no shell exports a name that begins with a digit
            address_variables=("4ALLAPI_BASE_URL", "FOURALLAPI_BASE_URL"),
            source="https://4allapi.com",
        ),
        Provider(
            name="openrouter",
            base_url="https://openrouter.ai/api/v1",
            source="https://openrouter.ai/docs/api-reference/overview",
        ),
        Provider(
            name="groq",
            base_url="https://api.groq.com/openai/v1",
            source="https://console.groq.com/docs/openai",
            checked=_READ,
        ),
        Provider(
            name="deepseek",
            base_url="https://api.deepseek.com/v1",
            source="https://api-docs.deepseek.com/",
            checked=_READ,
        ),
        Provider(
            name="mistral",
            base_url="https://api.mistral.ai/v1",
            profile=_MISTRAL,
            source="https://docs.mistral.ai/api/",
        ),
        Provider(
            name="gemini",
            base_url="https://generativelanguage.googleapis.com/v1beta/openai",
            key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            source="https://ai.google.dev/gemini-api/docs/openai",
        ),
        Provider(
            name="together",
            base_url="https://api.together.ai/v1",
            source="https://docs.together.ai/docs/inference/openai-compatibility",
            checked=_READ,
        ),
        Provider(
            name="fireworks",
            base_url="https://api.fireworks.ai/inference/v1",
            source="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        ),
        Provider(name="xai", base_url="https://api.x.ai/v1", source="https://docs.x.ai/docs/api-reference"),
        Provider(
            name="cerebras",
            base_url="https://api.cerebras.ai/v1",
            source="https://inference-docs.cerebras.ai/resources/openai",
        ),
        Provider(
            name="azure",
            own=True,
            base_url=None,
            key_variables=("AZURE_OPENAI_API_KEY",),
            address_variables=("AZURE_OPENAI_ENDPOINT",),
            profile=_AZURE,
            source="https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle",
            checked=_READ,
        ),
        Provider(
            name="ollama",
            own=True,
            base_url="http://127.0.0.1:11434/v1",
            address_variables=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
            source="https://docs.ollama.com/api/openai-compatibility",
            checked=_READ,
        ),
        Provider(
            name="vllm",
            own=True,
            base_url="http://127.0.0.1:8000/v1",
            source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        ),
        Provider(
            name="llamacpp",
            own=True,
            base_url="http://127.0.0.1:8080/v1",
            key_variables=("LLAMA_API_KEY",),
            source="https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
        ),
        Provider(
            name="lmstudio",
            own=True,
            base_url="http://127.0.0.1:1234/v1",
            source="https://lmstudio.ai/docs/developer/openai-compat",
            checked=_READ,
        ),
    )
}
"""Every provider by its name. No call was made to any of them: the data are what their documentation says."""


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
    address = _address(provider)
    profile = provider.profile
    if provider.name == "azure":
        address, profile = _azure(address, profile)
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
            f"The address of {provider.name!r} is not set. Set {variable}, e.g. {variable}=https://NAME.openai.azure.com."
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


def _azure(endpoint: str, profile: Profile) -> tuple[str, Profile]:
    """Give Azure's address: its v1 API, or where OPENAI_API_VERSION asks for a dated one, the deployment's path."""
    dated = _found(("OPENAI_API_VERSION",))
    endpoint = endpoint.rstrip("/")
    if dated is None or endpoint.endswith("/openai/v1"):
        base = endpoint if "/openai" in endpoint else f"{endpoint}/openai/v1"
        return base, profile
    path = "/openai/deployments/{model}/chat/completions"
    return endpoint.removesuffix("/openai"), replace(profile, path=path, query=(("api-version", dated[1]),))


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
