"""`CLOUD`: the providers that serve models to everyone, as their documentation describes them; data only.

A fact is set where a source says so, and its address stands beside it. No call was made to any of them.
"""

from __future__ import annotations

from datetime import date

from agentkit.http.profile import Profile
from agentkit.providers.provider import Provider

__all__ = ["CLOUD"]

_READ = date(2026, 11, 22)
_CHATLAS = "https://github.com/posit-dev/chatlas/blob/main/chatlas"
_INSPECT = "https://github.com/UKGovernmentBEIS/inspect_ai/blob/main/src/inspect_ai/model/_providers"
_NEUROLINK = "https://github.com/juspay/neurolink/blob/master"
_OPENAI = "https://github.com/openai/openai-python/blob/main/src/openai/types/chat/completion_create_params.py"
_PYDANTIC = "https://github.com/pydantic/pydantic-ai/blob/main/pydantic_ai_slim/pydantic_ai"

CLOUD = (
    Provider(
        name="openai",
        base_url="https://api.openai.com/v1",
        source="https://platform.openai.com/docs/api-reference/chat/create",
        checked=_READ,
        profile=Profile(max_tokens_field="max_completion_tokens", output_mode="native", formats_with_tools=True),
        sources={
            "base_url": "https://github.com/openai/openai-python/blob/main/src/openai/_data_residency.py",
            "max_tokens_field": _OPENAI,
            "output_mode": _OPENAI,
            "formats_with_tools": "https://github.com/vllm-project/vllm/issues/39929",
        },
    ),
    Provider(
        name="4allapi",
        base_url="https://api.4allapi.com/v1",
        key_variables=("4ALLAPI_API_KEY", "FOURALLAPI_API_KEY"),  # no shell exports a name that begins with a digit
        address_variables=("4ALLAPI_BASE_URL", "FOURALLAPI_BASE_URL"),
        source="https://4allapi.com",
    ),
    Provider(
        name="alibaba",
        base_url="https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_variables=("DASHSCOPE_API_KEY", "ALIBABA_API_KEY"),
        address_variables=("DASHSCOPE_BASE_URL", "ALIBABA_BASE_URL"),
        source="https://www.alibabacloud.com/help/en/model-studio/deep-thinking",
        checked=_READ,
        profile=Profile(inline_refs=True, audio="data_uri"),
        sources={
            "base_url": f"{_PYDANTIC}/providers/alibaba.py",
            "inline_refs": f"{_PYDANTIC}/profiles/qwen.py",
            "audio": f"{_PYDANTIC}/providers/alibaba.py",
        },
    ),
    Provider(
        name="anthropic",
        base_url="https://api.anthropic.com/v1",
        source="https://platform.claude.com/docs/en/api/openai-sdk",
        checked=_READ,
    ),
    Provider(
        name="cerebras",
        base_url="https://api.cerebras.ai/v1",
        source="https://inference-docs.cerebras.ai/resources/openai",
        checked=_READ,
        profile=Profile(developer_role=False),
        sources={"developer_role": "https://inference-docs.cerebras.ai/resources/openai"},
    ),
    Provider(
        name="cohere",
        base_url="https://api.cohere.ai/compatibility/v1",
        key_variables=("COHERE_API_KEY", "CO_API_KEY"),
        source="https://docs.cohere.com/docs/compatibility-api",
        checked=_READ,
    ),
    Provider(
        name="deepinfra",
        base_url="https://api.deepinfra.com/v1/openai",
        source="https://docs.deepinfra.com/chat/overview",
        checked=_READ,
        sources={"base_url": f"{_PYDANTIC}/providers/deepinfra.py"},
    ),
    Provider(
        name="deepseek",
        base_url="https://api.deepseek.com",
        source="https://api-docs.deepseek.com/",
        checked=_READ,
        profile=Profile(
            echo=("reasoning_content",),
            echo_empty=True,
            output_mode="json",  # a tool would have to be forced, which is refused while the model thinks
            response_formats=("text", "json_object"),
            developer_role=False,
        ),
        sources={
            "echo": "https://api-docs.deepseek.com/guides/thinking_mode",
            "echo_empty": "https://github.com/deepseek-ai/deepseek-harness/discussions/739",
            "output_mode": f"{_INSPECT}/deepseek.py",
            "response_formats": f"{_INSPECT}/deepseek.py",
            "developer_role": "https://github.com/theopenco/llmgateway/pull/3462",
        },
    ),
    Provider(
        name="fireworks",
        base_url="https://api.fireworks.ai/inference/v1",
        source="https://docs.fireworks.ai/tools-sdks/openai-compatibility",
        checked=_READ,
    ),
    Provider(
        name="gemini",
        base_url="https://generativelanguage.googleapis.com/v1beta/openai",
        key_variables=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
        source="https://ai.google.dev/gemini-api/docs/openai",
        checked=_READ,
    ),
    Provider(
        name="groq",
        base_url="https://api.groq.com/openai/v1",
        source="https://console.groq.com/docs/openai",
        checked=_READ,
        profile=Profile(empty_content=False),
        sources={"empty_content": f"{_CHATLAS}/_provider_openai_completions.py"},
    ),
    Provider(
        name="huggingface",
        base_url="https://router.huggingface.co/v1",
        key_variables=("HF_TOKEN", "HUGGINGFACE_API_KEY"),
        source="https://huggingface.co/docs/inference-providers/index",
        checked=_READ,
    ),
    Provider(
        name="mistral",
        base_url="https://api.mistral.ai/v1",
        source="https://docs.mistral.ai/api/",
        checked=_READ,
        profile=Profile(stream_usage=False, call_ids="nine_alphanumeric", developer_role=False),
        sources={
            "base_url": f"{_CHATLAS}/_provider_mistral.py",
            "stream_usage": f"{_CHATLAS}/_provider_mistral.py",
            "call_ids": "https://github.com/nearai/ironclaw/issues/1241",
            "developer_role": "https://github.com/mistralai/platform-docs-public/blob/main/public/openapi.yaml",
        },
    ),
    Provider(
        name="moonshot",
        base_url="https://api.moonshot.ai/v1",
        source="https://platform.kimi.ai/docs/overview",
        checked=_READ,
        profile=Profile(
            max_tokens_field="max_completion_tokens",
            strict=False,
            output_mode="native",  # some of its models refuse to be forced to call a tool
            echo=("reasoning_content",),
            echo_empty=True,
            empty_content=False,
        ),
        sources={
            "base_url": f"{_INSPECT}/moonshot.py",
            "max_tokens_field": "https://java.agentscope.io/v2/en/integration/model/kimi",
            "strict": "https://java.agentscope.io/v2/en/integration/model/kimi",
            "output_mode": f"{_NEUROLINK}/docs/getting-started/providers/moonshot-ai.md",
            "echo": f"{_NEUROLINK}/docs/getting-started/providers/moonshot-ai.md",
            "echo_empty": f"{_PYDANTIC}/models/openai.py",
            "empty_content": f"{_INSPECT}/moonshot.py",
        },
    ),
    Provider(
        name="nvidia",
        base_url="https://integrate.api.nvidia.com/v1",
        source="https://docs.api.nvidia.com/nim/reference/llm-apis",
        checked=_READ,
        sources={"base_url": f"{_PYDANTIC}/providers/nvidia.py"},
    ),
    Provider(
        name="openrouter",
        base_url="https://openrouter.ai/api/v1",
        source="https://openrouter.ai/docs/api-reference/overview",
        checked=_READ,
        profile=Profile(echo=("reasoning_details",)),
        sources={
            "base_url": f"{_PYDANTIC}/providers/openrouter.py",
            "echo": "https://github.com/crmne/ruby_llm/blob/main/lib/ruby_llm/providers/openrouter/chat.rb",
        },
    ),
    Provider(
        name="perplexity",
        base_url="https://api.perplexity.ai",
        key_variables=("PERPLEXITY_API_KEY", "PPLX_API_KEY"),
        source="https://docs.perplexity.ai/api-reference/chat-completions",
        checked=_READ,
        profile=Profile(output_mode="native"),
        sources={
            "base_url": f"{_PYDANTIC}/providers/perplexity.py",
            "output_mode": "https://hexdocs.pm/langchain/LangChain.ChatModels.ChatPerplexity.html",
        },
    ),
    Provider(
        name="sambanova",
        base_url="https://api.sambanova.ai/v1",
        source="https://docs.sambanova.ai/docs/en/features/openai-compatibility",
        checked=_READ,
        sources={"base_url": f"{_NEUROLINK}/src/lib/providers/catalog/sambanova.json"},
    ),
    Provider(
        name="together",
        base_url="https://api.together.ai/v1",
        source="https://docs.together.ai/docs/inference/openai-compatibility",
        checked=_READ,
    ),
    Provider(
        name="vercel",
        base_url="https://ai-gateway.vercel.sh/v1",
        key_variables=("AI_GATEWAY_API_KEY", "VERCEL_OIDC_TOKEN"),
        address_variables=("AI_GATEWAY_BASE_URL",),
        source="https://vercel.com/docs/ai-gateway/openai-compat/advanced",
        checked=_READ,
    ),
    Provider(
        name="xai",
        base_url="https://api.x.ai/v1",
        source="https://docs.x.ai/api/integrations",
        checked=_READ,
    ),
    Provider(
        name="zai",
        base_url="https://api.z.ai/api/paas/v4",
        source="https://docs.z.ai/api-reference/introduction",
        checked=_READ,
        profile=Profile(response_formats=("text", "json_object"), echo=("reasoning_content",)),
        sources={
            "base_url": f"{_NEUROLINK}/src/lib/providers/catalog/z-ai.json",
            "response_formats": f"{_NEUROLINK}/src/lib/providers/catalog/z-ai.json",
            "echo": f"{_PYDANTIC}/providers/zai.py",
        },
    ),
)
"""In the order of their names, OpenAI first."""
