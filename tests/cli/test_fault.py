"""Exceptions to a line and an exit code."""

from agentkit.cli.fault import error_line, exit_code
from agentkit.errors import APIError, LimitExceededError, MissingKeyError
from agentkit.secret import remember_secret


def test_an_error_of_ours_is_its_text_on_one_clean_line():
    assert error_line(APIError("It\nbroke \x1b[31mdown.")) == "error: It broke [31mdown."


def test_any_other_error_is_named_and_says_how_to_see_more():
    assert error_line(KeyError("x")) == "error: KeyError: 'x'. Set AGENTKIT_DEBUG=1 to see the traceback."


def test_a_long_text_is_not_cut():
    assert error_line(APIError("x" * 1000)) == "error: " + "x" * 1000


def test_a_known_secret_is_not_shown():
    remember_secret("sk-very-secret-of-test-fault")
    assert error_line(APIError("key sk-very-secret-of-test-fault refused")) == "error: key [secret] refused"


def test_configuration_is_two_and_a_failed_run_is_one():
    assert exit_code(MissingKeyError("x")) == 2
    assert [exit_code(error) for error in (APIError("x"), LimitExceededError("x"), KeyError("x"))] == [1, 1, 1]
