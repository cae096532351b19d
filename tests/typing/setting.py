"""Settings and prompts as type checkers see them; nothing here runs."""

import io
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import assert_type

from agentkit import Agent, Settings, media
from agentkit.wire import AudioPart, FilePart, ImagePart, ResponseFormat, TextPart
from agentkit.wire.option import AudioOutput, Prediction, StreamOptions, WebSearchOptions

settings = Settings(
    temperature=0,
    stop=["a", "b"],
    modalities=["text", "audio"],
    audio={"voice": "alloy", "format": "wav"},
    prediction={"type": "content", "content": "x"},
    web_search_options={"user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}},
    stream_options={"include_usage": True},
    response_format=ResponseFormat(type="json_object"),
    logit_bias={"50256": -100},
)
Settings(tool_choice="get_weather")
Settings(tool_choice={"type": "function", "function": {"name": "get_weather"}})
Settings(tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}})

assert_type(settings.temperature, int | float | None)
assert_type(settings.stop, str | Sequence[str] | None)
assert_type(settings.audio, AudioOutput | None)
assert_type(settings.prediction, Prediction | None)
assert_type(settings.web_search_options, WebSearchOptions | None)
assert_type(settings.stream_options, StreamOptions | None)
assert_type(settings.merge(None), Settings)

assert_type(media.image("cat.png"), ImagePart)
assert_type(media.audio(b""), AudioPart)
assert_type(media.file(file_id="file-1"), FilePart)
assert_type(media.part(Path("cat.png")), ImagePart | AudioPart | FilePart | TextPart)

agent = Agent("local")
agent.run_sync(
    ["What is this?", media.image("cat.png"), Path("cat.png"), b"", io.BytesIO(), {"type": "text", "text": "x"}]
)
