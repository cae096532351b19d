"""Content codings undone, within bounds."""

import gzip
import zlib

import pytest

from agentkit.errors import InvalidResponseError
from agentkit.http.coding import Inflater

TEXT = b'{"choices": []}' * 50


def deflated(wbits):
    press = zlib.compressobj(wbits=wbits)
    return press.compress(TEXT) + press.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (None, TEXT),
        ("identity", TEXT),
        ("gzip", gzip.compress(TEXT)),
        ("X-GZIP", gzip.compress(TEXT)),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:])),
        ("gzip", gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]) + gzip.compress(b"")),
        ("gzip", gzip.compress(TEXT) + bytes(512)),
        ("deflate", deflated(15)),
        ("deflate", deflated(-15)),
    ],
)
def test_a_body_is_read_in_any_coding_byte_by_byte_too(coding, body):
    assert Inflater(coding).feed(body) == TEXT
    slowly = Inflater(coding)
    assert b"".join(slowly.feed(body[at : at + 2]) for at in range(0, len(body), 2)) == TEXT


@pytest.mark.parametrize("coding", ["br", "gzip, gzip"])
def test_a_coding_that_was_not_asked_for_is_refused(coding):
    with pytest.raises(InvalidResponseError) as caught:
        Inflater(coding)
    assert str(caught.value) == (
        f"The answer has content-encoding '{coding}'; asked for was 'gzip, deflate'. Look for a proxy on the way."
    )


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (None, b"x" * 2001),
        ("gzip", gzip.compress(b"x" * 9_000_000)),
        ("gzip", gzip.compress(b"x" * 1999) + gzip.compress(b"x" * 9_000_000)),
        ("gzip", gzip.compress(b"x" * 1000) * 3),
    ],
)
def test_a_body_beyond_the_bound_is_left(coding, body):
    with pytest.raises(InvalidResponseError) as caught:
        Inflater(coding, most=2000).feed(body)
    assert str(caught.value) == (
        "The answer is larger than 2000 bytes; it was left. No reply of the contract is so large."
    )


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_damaged_body_is_said_to_be_damaged(coding):
    with pytest.raises(InvalidResponseError) as caught:
        Inflater(coding).feed(b"\xff" * 400)
    assert str(caught.value) == "The answer is damaged: it is not of the content-encoding that it names."
