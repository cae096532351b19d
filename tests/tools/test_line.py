"""What tools log: by the standard library, with what it belongs to, known keys hidden."""

import logging

import pytest

from agentkit.secret import remember_secret
from agentkit.tools import Context
from agentkit.tools.line import lines


def context():
    return Context(
        deps=None, run_id="r", call_id="c", tool_name="look", arguments="{}", turn=2, usage=None, retry=0, emit=print
    )


@pytest.fixture
def shown():
    kept = []
    before = lines.set(kept.append)
    yield kept
    lines.reset(before)


def test_a_record_bears_run_turn_call_and_tool_and_what_the_caller_adds(caplog):
    with caplog.at_level(logging.INFO, "agentkit.tool"):
        context().log.info("found %d of %s", 3, "lamps", extra={"shop": "Oslo"})
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("agentkit.tool", "INFO", "found 3 of lamps")
    assert (record.msg, record.args) == ("found %d of %s", (3, "lamps"))
    assert (record.run_id, record.turn, record.call_id, record.tool_name) == ("r", 2, "c", "look")
    assert record.shop == "Oslo"
    assert (record.filename, record.funcName) == ("test_line.py", record.funcName)
    assert record.funcName.startswith("test_a_record")


def test_what_the_caller_adds_cannot_take_the_place_of_the_run(caplog):
    context().log.warning("x", extra={"run_id": "another"})
    assert caplog.records[0].run_id == "r"


def test_a_level_that_nobody_wants_is_not_logged(caplog):
    log = context().log
    log.debug("x")
    assert not log.isEnabledFor(logging.DEBUG)
    assert not caplog.records


def test_known_keys_are_hidden_from_the_handlers_too(caplog):
    remember_secret("sk-very-secret")
    log = context().log
    log.warning("key %s refused by %s", "sk-very-secret", "it", extra={"key": "sk-very-secret"})
    log.warning("key %(key)s refused", {"key": "sk-very-secret"})
    assert [record.getMessage() for record in caplog.records] == ["key [secret] refused by it", "key [secret] refused"]
    assert caplog.records[0].key == "[secret]"


def test_whoever_shows_the_run_is_told_from_info_on(shown):
    remember_secret("sk-very-secret")
    log = context().log
    log.debug("detail")
    log.info("key %s", "sk-very-secret", extra={"shop": "Oslo"})
    try:
        raise ValueError("no")
    except ValueError:
        log.exception("failed")
    assert [(line.level, line.text) for line in shown] == [(logging.INFO, "key [secret]"), (logging.ERROR, "failed")]
    assert shown[0].extra == {"shop": "Oslo", "run_id": "r", "turn": 2, "call_id": "c", "tool_name": "look"}
    assert (shown[0].exc_info, shown[1].exc_info) == (None, True)


def test_a_line_that_does_not_fit_its_arguments_is_no_error(shown):
    context().log.info("%d lamps", "three", extra=None)
    assert [line.text for line in shown] == ["%d lamps ('three',)"]


def test_a_warning_is_not_shown_again_by_the_last_resort(shown, monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger("agentkit.tool"), "propagate", False)  # as where nothing is configured
    context().log.warning("slow")
    assert len(shown) == 1
    assert capsys.readouterr().err == ""


def test_without_anybody_who_shows_it_the_last_resort_does(monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger("agentkit.tool"), "propagate", False)
    context().log.warning("slow")
    assert capsys.readouterr().err == "slow\n"


class Mute:
    """What cannot be shown, nor compared."""

    def __repr__(self):
        raise ValueError("no")

    def __ne__(self, other):
        raise ValueError("no")


def test_known_keys_are_hidden_in_what_objects_are_shown_as(caplog):
    remember_secret("sk-very-secret")
    plain = {"page": 1}
    context().log.warning("x", extra={"headers": {"auth": "sk-very-secret"}, "plain": plain})
    assert caplog.records[0].headers == "{'auth': '[secret]'}"
    assert caplog.records[0].plain is plain


def test_known_keys_are_hidden_in_tracebacks_and_other_exceptions_stay(caplog):
    remember_secret("sk-very-secret")
    for said in ("refused sk-very-secret", "refused"):
        try:
            raise ValueError(said)
        except ValueError:
            context().log.exception("failed")
    hidden, plain = caplog.records
    assert hidden.exc_info is None
    assert hidden.exc_text.endswith("ValueError: refused [secret]")
    assert isinstance(plain.exc_info[1], ValueError)
    assert "sk-very-secret" not in caplog.text


def test_values_that_cannot_be_shown_are_named_by_their_class(shown):
    context().log.info("%r", Mute(), extra={"found": Mute()})
    context().log.info(Mute(), 1)
    assert [line.text for line in shown] == ["%r <tuple>", "<Mute> (1,)"]


def test_a_line_that_cannot_be_shown_is_no_failure_of_the_tool(monkeypatch, capsys):
    monkeypatch.setattr(logging.getLogger("agentkit.tool"), "propagate", False)
    remember_secret("sk-very-secret")

    def show(line):
        raise OSError("full")

    before = lines.set(show)
    context().log.info("key %s", "sk-very-secret")
    lines.reset(before)
    told = capsys.readouterr().err
    assert "--- Logging error ---" in told
    assert "OSError: full" in told
    assert "key [secret]" in told
    assert "sk-very-secret" not in told.replace('"sk-very-secret"', "")  # the line of this test is shown, too
