"""The Chat Completions contract as frozen typed values, and what joins and mends them; pure.

What is sent is in `request` (of `setting`, `option`, `message`, `content`), what comes in `response` and `chunk`; those
ask `repair` where a server deviates, which applies the catalogue of `deviation`, and `merge` joins chunks.
"""

from agentkit.wire.check import check_request
from agentkit.wire.chunk import ChatCompletionChunk, ChunkChoice, Delta, FunctionDelta, ToolCallDelta
from agentkit.wire.content import (
    AudioPart,
    Content,
    FilePart,
    FileSource,
    ImagePart,
    ImageUrl,
    InputAudio,
    OtherPart,
    Part,
    RefusalPart,
    TextPart,
)
from agentkit.wire.merge import Merger, merge
from agentkit.wire.message import (
    AssistantMessage,
    DeveloperMessage,
    FunctionCall,
    FunctionMessage,
    Message,
    SystemMessage,
    ToolCall,
    ToolMessage,
    UserMessage,
    open_calls,
    parse_messages,
)
from agentkit.wire.request import ChatRequest, FunctionDefinition, JsonSchema, ResponseFormat, ToolDefinition
from agentkit.wire.response import ChatCompletion, Choice, ResponseMessage, Usage
from agentkit.wire.setting import Settings
from agentkit.wire.sse import SSEDecoder

__all__ = [
    "AssistantMessage",
    "AudioPart",
    "ChatCompletion",
    "ChatCompletionChunk",
    "ChatRequest",
    "Choice",
    "ChunkChoice",
    "Content",
    "Delta",
    "DeveloperMessage",
    "FilePart",
    "FileSource",
    "FunctionCall",
    "FunctionDefinition",
    "FunctionDelta",
    "FunctionMessage",
    "ImagePart",
    "ImageUrl",
    "InputAudio",
    "JsonSchema",
    "Merger",
    "Message",
    "OtherPart",
    "Part",
    "RefusalPart",
    "ResponseFormat",
    "ResponseMessage",
    "SSEDecoder",
    "Settings",
    "SystemMessage",
    "TextPart",
    "ToolCall",
    "ToolCallDelta",
    "ToolDefinition",
    "ToolMessage",
    "Usage",
    "UserMessage",
    "check_request",
    "merge",
    "open_calls",
    "parse_messages",
]
