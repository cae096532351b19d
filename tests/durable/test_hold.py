"""One run held by one process: refused to others, freed, and what could not be written kept for the next time."""

import asyncio
import os
import re
import subprocess
import sys

import pytest

from agentkit.durable import hold as module
from agentkit.durable import lock
from agentkit.durable.file import RecordFile
from agentkit.durable.hold import hold
from agentkit.durable.record import Record
from agentkit.errors import JournalError, RunInUseError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs.db"


@pytest.fixture
def file(path):
    file = RecordFile(path)
    yield file
    file.close()


def record(kind, **more):
    return Record("a", kind, 1, **more)


def kinds(records):
    return [one.kind for one in records]


async def begun(file):
    one = await hold(file, "a")
    one.shown = ("clerk", "Hello")
    await one.note(record("begin"))
    return one


def away(path):
    path.rename(path.with_suffix(".away"))


def back(path):
    path.with_suffix(".away").rename(path)


def test_a_run_is_new_until_its_beginning_is_written(file):
    async def main():
        for _ in range(2):
            one = await hold(file, "a")
            assert one.is_new
            assert await file.runs(9, None) == ()
            one.free()
        one = await begun(file)
        one.free()
        again = await hold(file, "a")
        again.free()
        return again.is_new, kinds(await again.records()), (await file.runs(9, None))[0]

    is_new, written, shown = asyncio.run(main())
    assert (is_new, written, shown.agent, shown.prompt) == (False, ["begin"], "clerk", "Hello")


def test_the_refusal_names_process_host_and_since_when(file):
    async def main():
        one = await begun(file)
        with pytest.raises(RunInUseError) as caught:
            await hold(file, "a")
        one.free()
        one.free()
        (await hold(file, "a")).free()
        return str(caught.value)

    said = asyncio.run(main())
    assert re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}", "NOW", said) == (
        f"Run 'a' goes on in process {os.getpid()} on {os.uname().nodename}, since NOW UTC; nothing was done here. "
        "Wait until it ends there: then the same call goes on, or gives its result."
    )


def test_one_that_just_takes_it_is_named_as_far_as_it_is_known(file):
    number = asyncio.run(file.number("a"))
    assert lock.take(f"{file.path}.lock", number)
    with pytest.raises(RunInUseError) as caught:
        asyncio.run(hold(file, "a"))
    lock.free(f"{file.path}.lock", number)
    assert str(caught.value) == (
        "Run 'a' goes on in another process; nothing was done here. "
        "Wait until it ends there: then the same call goes on, or gives its result."
    )


def test_a_lock_file_that_cannot_be_made_is_an_error_that_says_so(file, path):
    path.with_suffix(".db.lock").mkdir()
    with pytest.raises(JournalError) as caught:
        asyncio.run(hold(file, "a"))
    assert str(caught.value) == (
        f"The file of locks beside the journal {str(path)!r} cannot be opened: Is a directory. "
        "Let this process write it and its folder."
    )


def test_who_lost_its_lock_writes_nothing_any_more(file, path):
    async def main():
        one = await begun(file)
        await file.hold(one._number, "process 1 on moon, since 1969-07-20 20:17:40 UTC")  # as without the lock's file
        with pytest.raises(RunInUseError) as caught:
            await one.note(record("replied"))
        one.free()
        return str(caught.value), kinds(await one.records())

    said, written = asyncio.run(main())
    assert said == (
        "Run 'a' goes on in process 1 on moon, since 1969-07-20 20:17:40 UTC; nothing was done here. "
        "Wait until it ends there: then the same call goes on, or gives its result."
    )
    assert written == ["begin"]


def test_a_run_that_is_deleted_while_it_is_taken_is_made_anew(file, monkeypatch):
    numbers = []

    async def main():
        first = await begun(file)
        first.free()
        original = lock.take

        def take(path, number):
            numbers.append(number)
            if len(numbers) == 1:
                file._writer._file.use(lambda db: db.execute("DELETE FROM run"))
            return original(path, number)

        monkeypatch.setattr(lock, "take", take)
        one = await hold(file, "a")
        one.free()
        return one.is_new

    assert asyncio.run(main())
    assert len(set(numbers)) == 2


def test_what_is_about_to_be_done_is_not_begun_where_it_cannot_be_written(file, path):
    async def main():
        one = await begun(file)
        away(path)
        with pytest.raises(JournalError) as caught:
            await one.note(record("calling"), sure=True)
        back(path)
        one.free()
        again = await hold(file, "a")
        again.free()
        return str(caught.value), kinds(await again.records())

    said, written = asyncio.run(main())
    assert said == (
        f"The journal {str(path)!r} cannot be found: No such file or directory. See that it is where it was, on a "
        "local disk. What comes next was not begun, and nothing is lost: run 'a' goes on from where it was when it is "
        "run again."
    )
    assert written == ["begin"]
    assert not module._unwritten


def test_what_was_done_and_not_written_is_written_first_when_the_run_goes_on(file, path):
    async def main():
        one = await begun(file)
        away(path)
        said = []
        for kind in ("answered", "answered", "calling", "paused"):
            with pytest.raises(JournalError) as caught:
                await one.note(record(kind, at=float(len(said))))
            said.append(str(caught.value))
        one.free()
        with pytest.raises(JournalError):
            await hold(file, "a")
        back(path)
        elsewhere = RecordFile(path)  # another journal of the same file
        again = await hold(elsewhere, "a")
        again.free()
        elsewhere.close()
        return said, [(one.kind, one.at) for one in await again.records()][1:]

    said, written = asyncio.run(main())
    unfound = (
        f"The journal {str(path)!r} cannot be found: No such file or directory. "
        "See that it is where it was, on a local disk."
    )
    rest = (
        "of run 'a' could not be written: this process keeps what was done in memory and writes it first when the run "
        "is run again here. If it ends before that, it is in doubt."
    )
    assert said == [f"{unfound} {kept} {rest}" for kept in ("1 outcome", "2 outcomes", "2 outcomes", "3 outcomes")]
    assert written == [("answered", 0.0), ("answered", 1.0), ("paused", 3.0)]
    assert not module._unwritten


def test_what_could_not_be_written_is_written_with_what_comes_next(file, path):
    async def main():
        one = await begun(file)
        away(path)
        with pytest.raises(JournalError):
            await one.note(record("replied"))
        back(path)
        await one.note(record("answered"))
        one.free()
        return kinds(await one.records())

    assert asyncio.run(main()) == ["begin", "replied", "answered"]
    assert not module._unwritten


def test_an_outcome_that_was_written_though_sqlite_said_no_is_not_written_twice(file, path):
    async def main():
        one = await begun(file)
        await one.note(done := record("replied"))
        one._left.append(done)
        one.free()
        again = await hold(file, "a")
        again.free()
        return kinds(await again.records())

    assert asyncio.run(main()) == ["begin", "replied"]


def test_an_outcome_whose_writing_fails_while_its_task_is_cancelled_is_kept_too(file, path):
    async def main():
        one = await begun(file)
        real = file._writer.act

        async def act(job, **how):
            raise asyncio.CancelledError from OSError("gone")

        file._writer.act = act
        with pytest.raises(asyncio.CancelledError):
            await one.note(record("replied"))
        file._writer.act = real
        kept = kinds(one._left)
        one.free()
        (await hold(file, "a")).free()
        return kept, kinds(await one.records())

    assert asyncio.run(main()) == (["replied"], ["begin", "replied"])


def test_an_act_is_done_and_then_written(file):
    async def main():
        one = await begun(file)

        async def body():
            return record("replied")

        done = await one.act("ask 1", body)
        one.free()
        return done.kind, kinds(await one.records())

    assert asyncio.run(main()) == ("replied", ["begin", "replied"])


HOLDER = """
import asyncio, sys
from agentkit.durable.file import RecordFile
from agentkit.durable.hold import hold
asyncio.run(hold(RecordFile(sys.argv[1]), "a"))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_process_that_holds_a_run_is_named_and_one_that_was_killed_holds_none(file, path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    with pytest.raises(RunInUseError, match=f"^Run 'a' goes on in process {process.pid} on "):
        asyncio.run(hold(file, "a"))
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()
    asyncio.run(hold(file, "a")).free()


def test_records_that_are_made_at_once_stand_in_that_order_however_long_they_take(file):
    async def main():
        one = await begun(file)
        long = record("answered", call_id="long", data='{"text": "' + "x" * 200_000 + '"}')
        await asyncio.gather(one.note(long), one.note(record("answered", call_id="short")))
        found = await one.records()
        one.free()
        return [made.call_id for made in found]

    assert asyncio.run(main()) == ["", "long", "short"]


def test_a_beginning_that_could_not_be_written_is_followed_by_nothing(path, file, monkeypatch):
    from agentkit import Agent
    from agentkit.durable import Journal
    from agentkit.testing import ScriptedModel

    add, journal = RecordFile.add, Journal(path)

    async def full(self, number, holder, records, **more):
        if records[0].kind == "begin":
            raise JournalError("The disk is full.")
        await add(self, number, holder, records, **more)

    agent = Agent(ScriptedModel(["Hello."]))
    with monkeypatch.context() as patch, pytest.raises(JournalError):
        patch.setattr(RecordFile, "add", full)
        asyncio.run(journal.run(agent, "Hi", run_id="a"))
    assert asyncio.run(journal.run(agent, "Hi", run_id="a")).output == "Hello."
    journal.close()
