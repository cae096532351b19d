"""The file of a map: what it keeps, what it refuses, and who may open it."""

import asyncio
import contextlib
import os
import re
import sqlite3
import stat
import subprocess
import sys

import pytest

from agentkit import secret
from agentkit.errors import ConfigurationError, OutputError
from agentkit.many import Many, Outcome, Terms
from agentkit.many.store import MapStore, forget_store
from agentkit.wire.response import Usage

SAID = {"output": "text", "instructions": "Do it.", "tools": ""}


def done(work, inputs, path, **terms):
    terms = {"concurrency": 4, "on_error": "keep", "ordered": True, **terms}
    return asyncio.run(Many(work, inputs, Terms(**terms, store=path))._all())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.sqlite"


def refusal(path, said=None):
    with pytest.raises(ConfigurationError) as refused:
        MapStore(path, said or SAID)
    return str(refused.value)


def test_the_next_call_does_only_what_is_missing(work_of, path):
    first, second = work_of(), work_of()
    done(first, ["a", "b"], path)
    result = done(second, ["b", "c", "a"], path)
    assert (first.begun, second.begun) == (["a", "b"], ["c"])
    assert result.outputs == ["did b", "did c", "did a"]
    assert [outcome.restored for outcome in result] == [True, False, True]
    assert (result.summary.done, result.summary.restored, result.summary.usage.total_tokens) == (3, 2, 15)


def test_a_restored_outcome_tells_what_it_took_then(work_of, path):
    work = work_of()
    work.cost = 0.25
    (before,) = done(work, ["a"], path)
    (after,) = done(work, ["a"], path)
    assert after.usage.to_dict() == before.usage.to_dict()
    assert (after.cost, after.seconds, after.attempts, after.model) == (0.25, before.seconds, 0, "double")
    assert done(work, ["a"], path).summary.cost is None  # nothing was asked


def test_what_failed_is_done_again_and_its_reason_kept_for_people(work_of, path):
    done(work_of(ends={"b": OutputError("no valid output")}), ["a", "b"], path)
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT error, reason FROM outcome WHERE error IS NOT NULL").fetchall() == [
            ("OutputError", "no valid output")
        ]
    db.close()
    again = work_of()
    assert done(again, ["a", "b"], path).outputs == ["did a", "did b"]
    assert again.begun == ["b"]


def test_equal_inputs_are_done_as_often_as_they_stand_there(work_of, path):
    first, second = work_of(), work_of()
    done(first, ["a", "a", "b", "a"], path)
    done(second, ["a", "b", "a", "a", "a"], path)
    assert (first.begun, second.begun) == (["a", "a", "b", "a"], ["a"])


def test_an_outcome_is_on_disk_before_it_is_given_out(work_of, path, tmp_path):
    """A copy of the files, made while the map runs, is what a kill at that moment would leave."""

    async def go():
        counts = []
        terms = Terms(concurrency=1, on_error="keep", ordered=True, store=path)
        async for outcome in Many(work_of(), range(5), terms):
            copy = tmp_path / f"copy{outcome.index}.sqlite"
            copy.write_bytes(_bytes_of(path))
            copy.with_name(f"{copy.name}-wal").write_bytes(_bytes_of(path.with_name(f"{path.name}-wal")))
            db = sqlite3.connect(copy)
            counts.append(db.execute("SELECT count(*) FROM outcome").fetchone()[0])
            db.close()
        return counts

    assert all(count > index for index, count in enumerate(asyncio.run(go())))


def _bytes_of(path):
    """Read a file by another process: closing it in this one would free SQLite's lock."""
    return subprocess.run(["cat", path], check=True, capture_output=True).stdout


def test_the_file_is_private_and_nothing_stands_beside_it_afterwards(work_of, path, tmp_path):
    done(work_of(), ["a"], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["run.sqlite"]


def test_inputs_are_not_in_the_file_and_known_secrets_are_hidden(work_of, path):
    secret.remember_secret("sk-very-secret")
    done(work_of(ends={"the prompt": OutputError("key sk-very-secret")}), ["the prompt", "other"], path)
    content = path.read_bytes()
    assert b"the prompt" not in content
    assert b"sk-very-secret" not in content
    assert b"key [secret]" in content


def test_a_file_that_is_open_in_another_process_is_refused_at_once(path):
    holder = (
        f"from agentkit.many.store import MapStore; store = MapStore({str(path)!r}, {SAID!r}); "
        "print('open', flush=True); import sys; sys.stdin.read()"
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", holder], stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout.readline() == "open\n"
        assert refusal(path) == (
            f"The store {str(path)!r} is open in another map, of this process or another. "
            "Wait until that one ends, or name a file of its own for each."
        )
        process.kill()
    MapStore(path, SAID).close()  # which a kill frees


def test_a_file_that_is_open_in_this_process_is_refused_and_stays_locked(path):
    store = MapStore(path, SAID)
    assert "is open in another map" in refusal(path)
    script = f"from agentkit.many.store import MapStore; MapStore({str(path)!r}, {SAID!r})"
    other = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert "is open in another map" in other.stderr
    store.close()
    store.close()
    MapStore(path, SAID).close()


def filled(path, identity):
    store = MapStore(path, identity)
    store.put(store.key(b"x"), Outcome(index=0, input=""), "1")
    store.close()


def test_another_agents_file_is_refused_with_what_differs(path):
    filled(path, SAID)
    now = {"output": '{"type":"object"}', "instructions": "Do it well.", "tools": ""}
    assert refusal(path, now) == (
        f"The store {str(path)!r} holds outcomes of an agent that asked for something else. "
        "instructions: then 'Do it.', now 'Do it well.'; output: then 'text', now '{\"type\":\"object\"}'. "
        "Name a new file for this agent, or delete that one to do everything again."
    )
    MapStore(path, SAID).close()  # and was left as it was


def test_long_texts_are_shown_from_where_they_differ(path):
    filled(path, {"instructions": "same " * 100 + "old"})
    told = refusal(path, {"instructions": "same " * 100 + "new"})
    assert "instructions: then '...same same same same old', now '...same same same same new'. " in told
    assert "now nothing." in refusal(path, {"instructions": ""})


def test_a_file_in_which_nothing_is_done_yet_is_for_any_agent(work_of, path):
    done(work_of(ends={"a": OutputError("no")}), ["a"], path)
    work = work_of()
    work.said = {"output": "another"}
    assert done(work, ["a"], path).summary.done == 1
    assert done(work, ["a"], path).summary.restored == 1


def test_a_database_of_something_else_is_refused_and_left_alone(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE mine (x)")
    db.commit()
    db.close()
    before = path.read_bytes()
    assert refusal(path) == (
        f"The store {str(path)!r} is a database of something else, and was left as it is. "
        "Name a new file, or one that a map made."
    )
    assert path.read_bytes() == before


def test_a_file_of_a_later_release_is_refused(path):
    MapStore(path, SAID).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 7")
    db.close()
    assert refusal(path) == (
        f"The store {str(path)!r} has version 7; this agentkit reads version 1. "
        "Go on with the release that made it, or name a new file."
    )


def test_what_is_no_database_is_refused(path):
    path.write_text("id,name\n" * 200)
    assert refusal(path) == (
        f"The store {str(path)!r} is no SQLite file, or a damaged one: file is not a database. "
        "Name a new file; what this one holds may be had by `sqlite3 FILE .recover`."
    )
    assert path.read_text() == "id,name\n" * 200


def test_a_torn_file_ends_the_map_with_a_clear_error(work_of, path):
    done(work_of(), [f"{number} {'x' * 300}" for number in range(200)], path)
    with path.open("r+b") as file:
        file.truncate(3 * 4096)
    with pytest.raises(ConfigurationError) as refused:
        done(work_of(), [f"{number} {'x' * 300}" for number in range(200)], path)
    assert str(refused.value).startswith(f"The store {str(path)!r} is no SQLite file, or a damaged one: ")


def test_an_empty_file_is_a_new_one(work_of, path):
    path.touch()
    assert done(work_of(), ["a"], path).outputs == ["did a"]


def test_a_folder_that_is_not_there_is_told(path):
    missing = path.parent / "no" / "run.sqlite"
    assert refusal(missing) == (
        f"The store {str(missing)!r} cannot be used: [Errno 2] No such file or directory: {str(missing)!r}. "
        "Name a file in a folder that exists and can be written, on a local disk that has room."
    )


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory", "a #%20?'\".sqlite", "-x", "\u00e9 \U0001f600"])
def test_a_name_is_a_file_whatever_it_looks_like(work_of, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    done(work_of(), ["a"], name)
    assert done(work_of(), ["a"], name).summary.restored == 1
    assert os.listdir() == [name]  # noqa: PTH208 # names are wanted


def test_a_name_that_no_file_can_have_is_told():
    assert re.fullmatch(
        r"The store 'a\\x00b' cannot be used: .*embedded null.*\. Name a file in a folder that exists and can be "
        r"written, on a local disk that has room\.",
        refusal("a\0b"),
    )


def test_a_full_disk_ends_the_map_and_keeps_what_was_written(work_of, path):
    async def go():
        work = work_of()
        terms = Terms(concurrency=2, on_error="keep", ordered=True, store=path)
        many = Many(work, (f"{number} {'x' * 5000}" for number in range(500)), terms)
        seen = 0
        with pytest.raises(ConfigurationError, match="database or disk is full") as refused:
            async with many:
                many._store._db.execute("PRAGMA max_page_count = 40")
                async for _ in many:
                    seen += 1
        return seen, len(work.begun), str(refused.value)

    seen, begun, told = asyncio.run(go())
    assert told.startswith(f"The store {str(path)!r} cannot be used: database or disk is full. Name a file ")
    assert begun <= seen + 3
    again = work_of()
    assert done(again, (f"{number} {'x' * 5000}" for number in range(500)), path).summary.restored >= seen
    assert len(again.begun) <= 500 - seen


def test_an_output_that_cannot_be_kept_ends_the_map(work_of, path):
    work = work_of()

    def refuse(_):
        raise ConfigurationError("no JSON")

    work.dump = refuse
    with pytest.raises(ConfigurationError, match="no JSON"):
        done(work, range(50), path)
    assert len(work.begun) <= 4


def test_what_its_type_does_not_read_any_more_is_done_again(work_of, path):
    done(work_of(), ["a", "b"], path)
    stricter = work_of()

    def load(text):
        if "a" in text:
            raise ValueError(text)
        return text

    stricter.load = load
    done(stricter, ["a", "b"], path)
    assert stricter.begun == ["a"]


def test_a_type_that_cannot_be_kept_is_refused_before_anything_is_asked(work_of, path):
    work = work_of()

    def refuse():
        raise ConfigurationError("no JSON")

    work.identity = refuse
    with pytest.raises(ConfigurationError, match="no JSON"):
        done(work, ["a"], path)
    assert work.begun == []
    assert not path.exists()


def test_reasons_and_identities_of_broken_text_are_kept(path):
    store = MapStore(path, {"instructions": "half \ud800"})
    key = store.key(b"x")
    store.put(key, Outcome(index=0, input="", error=ValueError("half \ud800"), usage=Usage()), None)
    assert store.get(key) is None
    store.close()
    MapStore(path, {"instructions": "half \ud800"}).close()


def test_the_store_is_closed_where_a_map_is_left(work_of, path):
    async def go():
        terms = Terms(concurrency=4, on_error="keep", ordered=True, store=path)
        async with Many(work_of(held={2}), range(9), terms) as many:
            async for _ in many:
                break

    asyncio.run(go())
    assert os.listdir(path.parent) == ["run.sqlite"]  # noqa: PTH208 # names are wanted
    MapStore(path, SAID).close()


def test_a_store_that_is_forgotten_is_as_new_for_any_agent(work_of, path):
    work = work_of()
    done(work, ["a"], path)
    forget_store(path)
    MapStore(path, {"output": "another"}).close()
    with contextlib.closing(sqlite3.connect(path)) as kept:
        assert kept.execute("SELECT count(*) FROM outcome").fetchone() == (0,)


def test_a_store_in_use_is_not_forgotten(work_of, path):
    work = work_of()
    done(work, ["a"], path)
    store = MapStore(path, work.identity())
    with pytest.raises(ConfigurationError):
        forget_store(path)
    store.close()
    assert done(work, ["a"], path).summary.restored == 1
