"""What the probes say."""

import base64
import json

from agentkit.doctor import sample
from agentkit.testing.check import first_problem
from agentkit.wire import ChatRequest, check_request


def test_the_samples_keep_the_contract():
    body = {
        "model": "any",
        "messages": sample.history(*sample.CALL_IDS, ("one", "two")),
        "tools": [sample.strict(sample.WEATHER), sample.TIME],
        "response_format": sample.schema_format(exact=True),
    }
    assert first_problem(body) is None
    check_request(ChatRequest.parse(body))


def test_a_long_text_has_the_size_that_was_asked_for():
    assert [len(sample.long_text(size)) for size in (0, 1, 20_000)] == [0, 1, 20_000]


def test_the_picture_is_a_png():
    kind, data = sample.picture().split(",")
    assert kind == "data:image/png;base64"
    raw = base64.b64decode(data, validate=True)
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    assert raw.endswith(b"IEND\xaeB`\x82")


def test_references_stand_in_the_schema_of_one_tool():
    assert json.dumps(sample.referring()).count("$ref") == 1
    assert "$ref" not in json.dumps(sample.WEATHER)
