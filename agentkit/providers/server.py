"""`SERVER`: what runs at an address of the user's own, on his machine or in his account; data only.

A fact is set where a source says so, and its address stands beside it.
"""

from __future__ import annotations

from datetime import date

from agentkit.http.profile import Profile
from agentkit.providers.provider import Dated, Provider

__all__ = ["SERVER"]

_READ = date(2026, 11, 22)
_AZURE = "https://github.com/openai/openai-python/blob/main/src/openai/lib/azure.py"
_CHATLAS = "https://github.com/posit-dev/chatlas/blob/main/chatlas"
_LLAMACPP = "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"
_OLLAMA = "https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai/providers/ollama.py"
_OPENAI = "https://github.com/openai/openai-python/blob/main/src/openai/types/chat/completion_create_params.py"

SERVER = (
    Provider(
        name="azure",
        own=True,
        base_url=None,
        ending="/openai/v1",
        example="https://NAME.openai.azure.com",
        dated=Dated(
            variable="OPENAI_API_VERSION",
            parameter="api-version",
            path="/openai/deployments/{model}/chat/completions",
        ),
        key_variables=("AZURE_OPENAI_API_KEY",),
        address_variables=("AZURE_OPENAI_ENDPOINT",),
        source="https://learn.microsoft.com/en-us/azure/foundry/openai/api-version-lifecycle",
        checked=_READ,
        profile=Profile(
            key_header="api-key",
            max_tokens_field="max_completion_tokens",
            output_mode="native",
            formats_with_tools=True,  # the models and their API are OpenAI's
        ),
        sources={
            "dated": _AZURE,
            "key_header": _AZURE,
            "max_tokens_field": _OPENAI,
            "output_mode": _OPENAI,
            "formats_with_tools": "https://github.com/vllm-project/vllm/issues/39929",
        },
    ),
    Provider(
        name="databricks",
        own=True,
        base_url=None,
        ending="/serving-endpoints",
        example="https://NAME.cloud.databricks.com",
        key_variables=("DATABRICKS_TOKEN", "DATABRICKS_API_KEY"),
        address_variables=("DATABRICKS_BASE_URL", "DATABRICKS_HOST"),
        source="https://learn.microsoft.com/azure/databricks/machine-learning/model-serving/query-chat-models",
        checked=_READ,
        profile=Profile(stream_usage=False),
        sources={"stream_usage": f"{_CHATLAS}/_provider_databricks.py"},
    ),
    Provider(
        name="llamacpp",
        own=True,
        base_url="http://127.0.0.1:8080/v1",  # to become 9931: https://github.com/ggml-org/llama.cpp/pull/26508
        key_variables=("LLAMA_API_KEY",),
        source=_LLAMACPP,
        checked=_READ,
        profile=Profile(echo=("reasoning_content",), output_mode="native"),
        sources={"echo": _LLAMACPP, "output_mode": _LLAMACPP},
    ),
    Provider(
        name="lmstudio",
        own=True,
        base_url="http://127.0.0.1:1234/v1",
        source="https://lmstudio.ai/docs/developer/openai-compat",
        checked=_READ,
    ),
    Provider(
        name="ollama",
        own=True,
        base_url="http://127.0.0.1:11434/v1",
        address_variables=("OLLAMA_BASE_URL", "OLLAMA_HOST"),
        source="https://docs.ollama.com/api/openai-compatibility",
        checked=_READ,
        profile=Profile(strict=False),
        sources={"strict": _OLLAMA},
    ),
    Provider(
        name="vllm",
        own=True,
        base_url="http://127.0.0.1:8000/v1",
        source="https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html",
        checked=_READ,
    ),
)
"""In the order of their names."""
