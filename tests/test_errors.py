"""The tree of errors: drawn on top as it is, each also what Python users catch, each with room for the state."""

import inspect
import re

import pytest

from agentkit import errors

DRAWN = re.findall(r"^[│├└─ ]*(\w+Error)\b", errors.__doc__, re.MULTILINE)


def classes():
    return {name: kind for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}


def test_the_drawing_shows_every_error_once():
    assert sorted(DRAWN) == sorted(classes())


def test_the_drawing_shows_each_error_under_its_parent():
    above = {}
    for line in errors.__doc__.splitlines():
        if found := re.match(r"^([│├└─ ]*)(\w+Error)\b", line):
            depth = len(found[1]) // 4
            above[depth] = found[2]
            if depth:
                assert issubclass(getattr(errors, found[2]), getattr(errors, above[depth - 1])), found[2]


def test_every_error_has_room_for_the_state():
    for kind in classes().values():
        error = kind("text")
        assert (str(error), error.state) == ("text", None)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("ToolDefinitionError", TypeError),
        ("SchemaError", ValueError),
        ("InvalidRequestError", ValueError),
        ("UnsupportedRequestError", ValueError),
        ("MissingExtraError", ImportError),
        ("APITimeoutError", TimeoutError),
        ("StateError", ValueError),
        ("ScriptError", AssertionError),
    ],
)
def test_errors_are_also_what_python_users_catch(name, builtin):
    assert issubclass(getattr(errors, name), builtin)


def test_an_error_of_an_exchange_knows_where_and_how_often():
    error = errors.RateLimitError("slow", endpoint="http://e", request_id="r", attempts=3)
    assert (error.endpoint, error.request_id, error.attempts, error.status_code) == ("http://e", "r", 3, 0)
    assert errors.APIConnectionError("gone").attempts == 1
