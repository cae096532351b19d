"""The file of a journal: made, opened, refused, written, listed; taken away and brought back."""

import asyncio
import shutil
import sqlite3
import stat

import pytest

from agentkit.durable import file as module
from agentkit.durable.file import RecordFile
from agentkit.durable.record import Record
from agentkit.errors import ConfigurationError, JournalError, RunInUseError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def file(path):
    file = RecordFile(path)
    yield file
    file.close()


def record(kind="replied", run_id="a", **more):
    return Record(run_id, kind, more.pop("turn", 0), **{"data": "{}", "at": 5.0, **more})


async def begun(file, run_id="a", at=1.0):
    number = await file.number(run_id)
    await file.hold(number, "me")
    await file.add(number, "me", [record("begin", run_id, at=at)], sure=True, shown=("clerk", "Hello", at))
    return number


def test_more_runs_can_be_asked_for_than_any_file_has(file):
    async def main():
        await begun(file)
        return [one.run_id for one in await file.runs(10**30, None)]

    assert asyncio.run(main()) == ["a"]


def test_it_is_made_for_its_owner_with_a_mark_and_a_version(file, path):
    asyncio.run(begun(file))
    assert {one.name for one in path.parent.iterdir()} == {"runs.db", "runs.db-wal", "runs.db-shm"}
    assert {stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()} == {0o600}
    with sqlite3.connect(path) as db:
        assert [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")] == [
            0x61676B72,
            1,
        ]
    db.close()


def test_records_come_back_in_the_order_in_which_they_were_written(file):
    async def main():
        number = await begun(file)
        other = await begun(file, "b")
        await file.add(number, "me", [record("asking"), record(run_id="a/call_1", call_id="x")], sure=False)
        await file.add(other, "me", [record("asking", "b")], sure=False)
        await file.add(number, "me", [record("answered", data='{"é": 1}', at=7.5, turn=2)], sure=True)
        return await file.records(number)

    assert asyncio.run(main()) == (
        record("begin", at=1.0),
        record("asking"),
        record(run_id="a/call_1", call_id="x"),
        record("answered", data='{"é": 1}', at=7.5, turn=2),
    )


def test_a_lone_surrogate_is_written_as_the_mark_of_a_character_that_is_none(file):
    async def main():
        number = await begun(file)
        await file.add(number, "me", [record(call_id="a\ud800b")], sure=False)
        return (await file.records(number))[-1].call_id

    assert asyncio.run(main()) == "a\ufffdb"


def test_who_holds_a_run_no_more_writes_nothing(file):
    async def main():
        number = await begun(file)
        assert await file.hold(number, "another") == (True, "open")
        with pytest.raises(RunInUseError, match="another"):
            await file.add(number, "me", [record()], sure=False)
        return await file.holder(number), len(await file.records(number))

    assert asyncio.run(main()) == ("another", 1)


def test_a_run_that_was_deleted_is_not_there_and_its_number_is_not_used_again(file):
    async def main():
        number = await begun(file)
        await file.delete(number)
        assert await file.hold(number, "me") == (False, None)
        assert (await file.find("a"), await file.holder(number)) == (None, "another process")
        return number, await file.number("a"), await file.records(number)

    first, second, left = asyncio.run(main())
    assert second > first
    assert left == ()


def test_the_list_shows_how_runs_stand_the_last_one_first(file):
    async def main():
        first, second, third = [await begun(file, name, at) for name, at in (("a", 1.0), ("b", 2.0), ("c", 3.0))]
        await file.number("not begun")
        await file.add(first, "me", [record("finished", "a", turn=2)], sure=True)
        await file.add(second, "me", [record("paused", "b", turn=1), record("replied", "b/x", turn=7)], sure=True)
        await file.add(third, "me", [record("failed", "c/x", turn=1)], sure=True)
        return await file.runs(10, None), await file.runs(1, None), await file.runs(10, "paused")

    every, last, paused = asyncio.run(main())
    assert [(one.run_id, one.status, one.turns, one.began, one.changed) for one in every] == [
        ("c", "open", 0, 3.0, 5.0),
        ("b", "paused", 1, 2.0, 5.0),
        ("a", "finished", 2, 1.0, 5.0),
    ]
    assert (every[0].agent, every[0].prompt, every[0].holder) == ("clerk", "Hello", "me")
    assert [one.run_id for one in last] == ["c"]
    assert [one.run_id for one in paused] == ["b"]


def test_a_failed_run_is_open_again_when_it_is_taken_up_and_a_paused_one_when_it_was_decided(file):
    async def main():
        number = await begun(file)
        seen = []
        for kind in ("failed", "paused", "decided", "finished"):
            await file.add(number, "me", [record(kind)], sure=True)
            before = (await file.runs(1, None))[0].status
            await file.hold(number, "me")
            seen.append((before, (await file.runs(1, None))[0].status))
        return seen

    assert asyncio.run(main()) == [
        ("failed", "open"),
        ("paused", "paused"),
        ("open", "open"),
        ("finished", "finished"),
    ]


def test_ten_thousand_runs_are_listed_by_their_indexes(file):
    async def fill():
        await file.number("x")
        file._writer._file.use(
            lambda db: db.executescript(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO run"
                " SELECT NULL, 'run-' || i, CASE i % 100 WHEN 0 THEN 'paused' ELSE 'open' END, 'clerk', '', i, 'me'"
                " FROM n;"
                "INSERT INTO record SELECT NULL, number, id, 'begin', 0, '', '{}', began FROM run WHERE status NOTNULL"
            )
        )
        return await file.runs(100, None), await file.runs(100, "paused")

    every, paused = asyncio.run(fill())
    assert (len(every), every[0].run_id) == (100, "run-10000")
    assert (len(paused), paused[1].run_id) == (100, "run-9900")
    for where in ("status = 'paused'", "status IS NOT NULL"):
        plan = file._reader.use(
            lambda db, where=where: [
                row[3] for row in db.execute("EXPLAIN QUERY PLAN " + module._RUNS.format(where), (100,))
            ]
        )
        assert not [step for step in plan if "TEMP B-TREE" in step or "SCAN record" in step]


def test_a_file_of_something_else_is_left_as_it_is(path):
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE thing (name)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(ConfigurationError) as caught:
        RecordFile(path)
    assert str(caught.value) == (
        f"The file {str(path)!r} is a database of something else, and was left as it is. "
        "Name a new file, or one that a journal made."
    )
    assert path.read_bytes() == before


def test_a_file_of_a_later_release_is_refused(file, path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 9")
    db.close()
    with pytest.raises(ConfigurationError) as caught:
        RecordFile(path)
    assert str(caught.value) == (
        f"The journal {str(path)!r} has version 9; this agentkit reads version 1. "
        "Go on with the release that made it, or name a new file."
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [("nowhere/runs.db", "[Errno 2] No such file or directory: {path!r}"), ("a\0b", "a zero byte is in the name")],
)
def test_a_path_that_can_be_no_file_is_refused_at_once(tmp_path, name, why):
    path = f"{tmp_path}/{name}"
    with pytest.raises(ConfigurationError) as caught:
        RecordFile(path)
    assert str(caught.value) == (
        f"The file {path!r} cannot be used as a journal: {why.format(path=path)}. Name a file in a folder that exists "
        "and can be written, a new one or one that a journal made."
    )


def test_two_that_make_the_same_file_agree(path):
    files = [RecordFile(path) for _ in range(3)]
    numbers = [asyncio.run(file.number("a")) for file in files]
    assert len(set(numbers)) == 1
    for file in files:
        file.close()


def away(file, path, number):
    """Take a file away, see what is said, and bring it back."""
    path.rename(path.with_suffix(".away"))
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.add(number, "me", [record()], sure=False))
    path.with_suffix(".away").rename(path)
    return str(caught.value)


def test_one_that_was_taken_away_is_not_written_until_it_is_back(file, path):
    number = asyncio.run(begun(file))
    assert away(file, path, number) == (
        f"The journal {str(path)!r} cannot be found: No such file or directory. "
        "See that it is where it was, on a local disk."
    )
    asyncio.run(file.add(number, "me", [record()], sure=False))
    assert len(asyncio.run(file.records(number))) == 2


def test_a_copy_that_was_put_in_its_place_goes_on(file, path):
    number = asyncio.run(begun(file))
    file.close()
    shutil.copy(path, path.with_suffix(".copy"))
    asyncio.run(file.records(number))
    path.unlink()
    path.with_suffix(".copy").rename(path)
    asyncio.run(file.add(number, "me", [record("asking")], sure=False))
    assert [one.kind for one in asyncio.run(file.records(number))] == ["begin", "asking"]


def test_another_file_in_its_place_is_not_written(file, path, tmp_path):
    number = asyncio.run(begun(file))
    path.unlink()
    path.touch()
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.add(number, "me", [record()], sure=False))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be written: another file stands in its place, which is empty. "
        "See that it is where it was, on a local disk."
    )
    assert path.read_bytes() == b""
    path.unlink()
    RecordFile(path).close()
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.records(number))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be read: another journal stands in its place. "
        "See that it is where it was, on a local disk."
    )


def test_a_damaged_file_is_said_to_be_and_is_written_when_it_is_whole_again(file, path):
    number = asyncio.run(begun(file))
    file.close()
    whole = path.read_bytes()
    path.write_bytes(b"no database at all" * 1000)
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.add(number, "me", [record()], sure=False))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be written: file is not a database. Put a copy of it back."
    )
    path.write_bytes(whole)
    asyncio.run(file.add(number, "me", [record()], sure=False))
    assert len(asyncio.run(file.records(number))) == 2


def test_torn_pages_are_said_to_be(file, path):
    number = asyncio.run(begun(file))
    file.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.records(number))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be read: database disk image is malformed. Put a copy of it back; "
        "what this one holds may be had by `sqlite3 FILE .recover`."
    )


def test_a_full_disk_is_said_to_be_and_goes_on_when_there_is_room(file, path):
    number = asyncio.run(begun(file))
    most = file._writer._file.use(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    large = [record(data="x" * 500_000)]
    # SQLite's own word for a file that may not grow is the one that it has for a disk without room
    file._writer._file.use(lambda db: db.execute(f"PRAGMA max_page_count = {most}").fetchone())
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.add(number, "me", large, sure=False))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be written: database or disk is full. Make room on its disk."
    )
    file._writer._file.use(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
    asyncio.run(file.add(number, "me", large, sure=False))
    assert len(asyncio.run(file.records(number))[-1].data) == 500_000


def test_one_that_another_process_holds_too_long_is_said_to_be_locked(path, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    file = RecordFile(path)
    number = asyncio.run(begun(file))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.add(number, "me", [record()], sure=False))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be written: database is locked. "
        "Another process held it for 30 s: find out which."
    )
    assert len(asyncio.run(file.records(number))) == 1  # readers do not wait for a writer
    other.execute("COMMIT")
    asyncio.run(file.add(number, "me", [record()], sure=False))
    other.close()
    file.close()


def test_one_that_may_be_read_only_is_said_to_be(path, monkeypatch):
    file = RecordFile(path)
    number = asyncio.run(begun(file))
    for one in (file._writer._file, file._writer._quick):
        one.use(lambda db: db.execute("PRAGMA query_only = 1"))
    with pytest.raises(JournalError) as caught:
        asyncio.run(file.add(number, "me", [record()], sure=False))
    assert str(caught.value) == (
        f"The journal {str(path)!r} cannot be written: attempt to write a readonly database. "
        "Let this process write it and its folder."
    )
    asyncio.run(file.add(number, "me", [record()], sure=False))  # it was opened anew
    file.close()


def test_a_result_of_many_megabytes_comes_back_whole(file):
    text = "ü" * 10_000_000

    async def main():
        number = await begun(file)
        await file.add(number, "me", [record(data=text)], sure=False)
        return (await file.records(number))[-1].data

    assert asyncio.run(main()) == text


def test_it_stays_the_same_file_where_the_working_directory_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = RecordFile("runs.db")
    monkeypatch.chdir("/")
    asyncio.run(begun(file))
    file.close()
    assert (tmp_path / "runs.db").exists()


@pytest.mark.parametrize(
    ("change", "read", "why"),
    [
        ("UPDATE record SET turn = 'x'", "records", "`turn` of 'a' is 'x'"),
        ("UPDATE record SET kind = 'dreamt'", "records", "`kind` of 'a' is 'dreamt'"),
        ("UPDATE record SET data = x'ff'", "records", "`data` of 'a' is b'\\xff'"),
        ("UPDATE record SET at = 'now'", "records", "`at` of 'a' is 'now'"),
        ("UPDATE run SET began = 'now'", "runs", "`began` of 'a' is 'now'"),
        ("UPDATE run SET status = 'gone'", "runs", "`status` of 'a' is 'gone'"),
    ],
)
def test_a_row_that_no_journal_wrote_is_told(file, path, change, read, why):
    async def main():
        number = await begun(file)
        db = sqlite3.connect(path)
        db.execute(change)
        db.commit()
        db.close()
        with pytest.raises(JournalError) as caught:
            await (file.records(number) if read == "records" else file.runs(1, None))
        return str(caught.value)

    assert asyncio.run(main()) == (
        f"The journal {str(path)!r} cannot be read: {why}, which no journal writes. Put a copy of it back."
    )
