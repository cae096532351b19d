"""Inputs out of lines, rows, files, folders and pipes."""

import asyncio
import os
import threading

import pytest

from agentkit.cli.source import Source
from agentkit.errors import ConfigurationError

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def items(name, field="text", own=()):
    async def read():
        return [item async for item in Source(str(name), field, own)]

    return asyncio.run(read())


def texts(name, field="text"):
    return [(item.id, item.prompt) for item in items(name, field)]


def refusal(name, field="text", own=()):
    with pytest.raises(ConfigurationError) as caught:
        items(name, field, own)
    return str(caught.value)


def test_lines_are_read_in_order_and_blank_ones_left_out(tmp_path):
    path = tmp_path / "docs.jsonl"
    path.write_bytes(b'\xef\xbb\xbf"one"\r\n\n{"id": "b", "text": "two"}\n  \n"five"')
    assert texts(path) == [(1, "one"), ("b", "two"), (5, "five")]


def test_a_bad_line_does_not_end_the_reading(tmp_path):
    path = tmp_path / "docs.jsonl"
    path.write_bytes(b'"one"\n{\n"\xff"\n"four"\n')
    assert [(item.place, item.fault is None) for item in items(path)] == [
        (f"{path}, line 1", True),
        (f"{path}, line 2", False),
        (f"{path}, line 3", False),
        (f"{path}, line 4", True),
    ]


def test_a_line_longer_than_what_is_read_at_once_is_one_input(tmp_path):
    path = tmp_path / "docs.ndjson"
    long = "ä" * 100_000
    path.write_text(f'"{long}"\n"two"\n', encoding="utf-8")
    assert texts(path) == [(1, long), (2, "two")]


def test_no_more_of_a_file_is_read_than_is_asked_for(tmp_path):
    path = tmp_path / "docs.jsonl"
    path.write_text('"x"\n' * 1_000_000)

    async def first():
        lines = aiter(Source(str(path), "text"))
        with path.open("rb+") as file:
            item = await anext(lines)
            file.truncate(100_000)
        await anext(lines)
        count = 2 + len([item async for item in lines])
        return item.id, count

    assert asyncio.run(first()) == (1, 25_000)


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (b"Pay 5\n\nPay 6\n", [(1, "Pay 5"), (3, "Pay 6")]),
        (b'{"text": "Pay 5"}\n"Pay 6"\n', [(1, "Pay 5"), (2, "Pay 6")]),
        (b"2024 was good\n", [(1, "2024 was good")]),
    ],
)
def test_a_pipe_has_json_or_plain_lines_as_its_first_one_is(tmp_path, lines, found):
    if not hasattr(os, "mkfifo"):
        pytest.skip("Windows has no named pipes of this kind")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(lines,))
    writer.start()
    assert texts(path) == found
    writer.join()


def test_a_pipe_of_broken_json_is_not_taken_for_plain_text(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("Windows has no named pipes of this kind")
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b'{"text": \n"Pay 6"\n',))
    writer.start()
    assert [item.fault is None for item in items(path)] == [False, True]
    writer.join()


def test_rows_give_the_column_and_their_own_id_or_the_line_they_begin_at(tmp_path):
    path = tmp_path / "docs.csv"
    path.write_bytes(b'\xef\xbb\xbfid,note,x\nA,"Pay\r\n5",1\n,Pay 6\nC,,1\nD,\xff,1\n,Pay 7,1,2,3\n')
    found = items(path, "note")
    assert [(item.id, item.prompt, item.fault) for item in found] == [
        ("A", "Pay\r\n5", None),
        (4, "Pay 6", None),
        ("C", None, "The column 'note' has no text."),
        ("D", None, "The column 'note' is not Unicode (character 1). Convert it to UTF-8."),
        (7, "Pay 7", None),
    ]
    assert found[0].place == f"{path}, line 2"


def test_a_table_may_be_delimited_by_tabs_and_have_long_cells(tmp_path):
    path = tmp_path / "docs.tsv"
    path.write_text(f"text\tid\n{'x' * 200_000}\t1\n")
    assert texts(path) == [("1", "x" * 200_000)]


def test_a_table_without_the_column_is_refused_with_its_columns(tmp_path):
    path = tmp_path / "docs.csv"
    path.write_text("id,note\n1,Pay\n")
    assert refusal(path) == (
        f"'{path}' has no column 'text'. Its columns are id, note: say which holds the text, --field NAME."
    )


def test_an_empty_table_has_no_inputs(tmp_path):
    path = tmp_path / "docs.csv"
    path.write_text("")
    assert items(path) == []


def test_any_other_file_is_one_text(tmp_path):
    path = tmp_path / "mail.md"
    path.write_text("\ufeffPay 5\n", encoding="utf-8")
    assert texts(path) == [("mail.md", "Pay 5\n")]


def test_a_folder_gives_its_files_sorted_and_named_by_their_paths_in_it(tmp_path):
    for name in ("b.txt", "a/z.txt", "a/b.log", ".hidden", ".git/config", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"in {name}")
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "photo.bin").write_bytes(PNG)
    found = items(tmp_path, own=[tmp_path / "c"])
    assert [(item.id, item.prompt) for item in found] == [
        ("a/b.log", "in a/b.log"),
        ("a/z.txt", "in a/z.txt"),
        ("b.txt", "in b.txt"),
        ("photo.bin", [tmp_path / "photo.bin"]),
    ]
    assert found[0].place == str(tmp_path / "a" / "b.log")


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "The file has no text."),
        (b"a\xffb", "It is neither UTF-8 text (byte 2) nor an image, PDF or audio. Convert it first."),
        (b"ab\0", "It is neither UTF-8 text (byte 3) nor an image, PDF or audio. Convert it first."),
        (b"\x1aE\xdf\xa3", "It is video/webm: neither text nor an image, PDF or audio. Convert it first."),
    ],
)
def test_a_file_that_is_no_input_is_one_with_a_fault(tmp_path, content, fault):
    (tmp_path / "odd.txt").write_bytes(content)
    (item,) = items(tmp_path)
    assert (item.id, item.prompt, item.fault) == ("odd.txt", None, fault)


@pytest.mark.parametrize("content", [PNG, b"%PDF-1.4\n", b"RIFF\0\0\0\0WAVEfmt "])
def test_media_are_told_by_their_bytes_and_given_by_their_path(tmp_path, content):
    path = tmp_path / "thing.txt"
    path.write_bytes(content)
    assert texts(path) == [("thing.txt", [path])]


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(2**40)
    (item,) = items(tmp_path)
    assert item.fault == "It has 1,099,511,627,776 bytes, and the limit is 33,554,432."


def test_what_cannot_be_opened_is_an_input_with_a_fault(tmp_path):
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.txt")
    assert [item.fault for item in items(tmp_path)] == [
        "It cannot be read: No such file or directory.",
        "It is no file but a pipe, socket or device.",
    ]


def test_an_input_that_is_not_there_is_refused_with_the_close_ones(tmp_path):
    (tmp_path / "mails.jsonl").write_text("")
    assert refusal(tmp_path / "mail.jsonl") == (
        f"There is no input '{tmp_path}/mail.jsonl'. Close to it: {tmp_path}/mails.jsonl. "
        "Name a file, a folder, or - for stdin."
    )
    assert refusal("no/such") == "There is no input 'no/such'. Name a file, a folder, or - for stdin."


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_an_input_without_rights_is_refused(tmp_path):
    path = tmp_path / "docs.jsonl"
    path.write_text("")
    path.chmod(0)
    assert refusal(path) == f"'{path}' cannot be read: the rights to it are missing."


def test_a_file_that_is_written_to_is_no_input(tmp_path):
    path = tmp_path / "out.jsonl"
    path.write_text('"x"\n')
    assert refusal(path, own=[path]) == f"'{path}' is read, and written to as well. Name another file with --out."
