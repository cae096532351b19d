"""`agentkit extract`: the command line, one text, and many inputs from every kind of place."""

import json
import re
from pathlib import Path

import pytest

from agentkit.testing import FakeEndpoint

TYPE = "weather:Report"
MODEL = ("-m", "openai:fake")


def report(request):
    """Answer with the user's text as the city; `bad` is no report."""
    text = request["messages"][-1]["content"]
    if isinstance(text, list):
        text = text[0]["type"]
    return "no report" if "bad" in text else json.dumps({"city": text, "degrees": len(text)})


def asked(endpoint):
    return [request.body["messages"][-1]["content"] for request in endpoint.requests]


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def served():
    with FakeEndpoint(replies=report) as endpoint:
        yield endpoint


def test_one_text_is_printed_as_its_json_and_nothing_else(run, served):
    said = run("extract", TYPE, "Oslo", *MODEL, endpoint=served)
    assert said == (0, '{"city":"Oslo","degrees":4}\n', "")
    system = served.requests[0].body["messages"][0]["content"]
    assert system.startswith("Extract what is asked for from the text.")


def test_one_text_comes_from_stdin_into_a_schema_of_a_file(program, reach, folder):
    (folder / "city.json").write_text('{"type": "object", "properties": {"city": {"type": "string"}}}')
    with FakeEndpoint(replies=['{"city": "Oslo"}']) as endpoint:
        done = program("extract", "city.json", "-", *MODEL, stdin="4 in\nOslo", **reach(endpoint))
    assert (done.returncode, done.stdout, done.stderr) == (0, '{"city":"Oslo"}\n', "")
    assert asked(endpoint) == ["4 in\nOslo"]


def test_a_short_name_is_a_type(run):
    with FakeEndpoint(replies=['{"response": 5}']) as endpoint:
        assert run("extract", "int", "Pay 5", *MODEL, endpoint=endpoint) == (0, "5\n", "")


def test_run_takes_short_names_and_schemas_too(run):
    with FakeEndpoint(replies=['{"response": 5}']) as endpoint:
        assert run("run", "Pay 5", "-o", "int", *MODEL, endpoint=endpoint) == (0, "5\n", "")


def test_instructions_mode_and_retries_reach_the_run(run, served):
    arguments = ("extract", TYPE, "bad", "-i", "Be exact.", "--mode", "prompted", "--retries", "0")
    code, out, err = run(*arguments, *MODEL, endpoint=served)
    assert (code, out, err.count("\n"), len(served.requests)) == (1, "", 1, 1)
    body = served.requests[0].body
    assert body["messages"][0]["content"].startswith("Be exact.")
    assert "response_format" not in body


def test_lines_become_lines_beside_the_store(run, served, here):
    (here / "docs.jsonl").write_text('{"id": "a", "body": "Oslo"}\n{"body": "Rome"}\n')
    arguments = ("extract", TYPE, "--in", "docs.jsonl", "--out", "out.jsonl", "--field", "body", *MODEL)
    code, out, err = run(*arguments, endpoint=served)
    assert (code, out) == (0, "")
    assert lines(here / "out.jsonl") == [
        {"id": "a", "output": {"city": "Oslo", "degrees": 4}},
        {"id": 2, "output": {"city": "Rome", "degrees": 4}},
    ]
    first, second = err.splitlines()
    assert first.startswith("2 done, ")
    assert second == "out.jsonl has the outputs. out.jsonl.sqlite keeps what is finished."


def test_the_same_command_asks_for_nothing_that_is_finished(run, served, here):
    (here / "docs.jsonl").write_text('"Oslo"\n"bad"\n"Rome"\n')
    arguments = ("extract", TYPE, "--in", "docs.jsonl", "--out", "out.jsonl", "--retries", "0", *MODEL)
    code, _, err = run(*arguments, endpoint=served)
    assert code == 1
    assert err.splitlines()[0].startswith("2 done, 1 failed (OutputError 1), ")
    assert err.splitlines()[1] == (
        "out.jsonl has the outputs, out.failed.jsonl the failures with their reasons. out.jsonl.sqlite keeps what is "
        "finished: run the same command again to try the failed ones."
    )
    (failed,) = lines(here / "out.failed.jsonl")
    assert (failed["id"], failed["error"], failed["place"]) == (2, "OutputError", "docs.jsonl, line 2")
    assert failed["reason"]
    with FakeEndpoint(replies=['{"city": "Bade", "degrees": 1}']) as endpoint:
        code, _, err = run(*arguments, endpoint=endpoint)
    assert (code, asked(endpoint)) == (0, ["bad"])
    assert err.startswith("3 done (2 of them from the store), ")
    assert [line["output"]["city"] for line in lines(here / "out.jsonl")] == ["Oslo", "Bade", "Rome"]
    assert not (here / "out.failed.jsonl").exists()


def test_fresh_forgets_what_is_finished_and_another_type_needs_it(run, served, here):
    (here / "docs.jsonl").write_text('"Oslo"\n')
    rest = ("--in", "docs.jsonl", "--out", "out.jsonl", *MODEL)
    assert run("extract", TYPE, *rest, endpoint=served)[0] == 0
    code, out, err = run("extract", "str", *rest, endpoint=served)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(
        "error: The store 'out.jsonl.sqlite' holds outcomes of an agent that asked for something else."
    )
    assert err.endswith(" On the command line --fresh does so.\n")
    assert lines(here / "out.jsonl")[0]["output"]["city"] == "Oslo"
    assert run("extract", "str", *rest, "--fresh", endpoint=served)[0] == 0
    assert asked(served) == ["Oslo", "Oslo"]
    assert run("extract", "str", *rest, "--fresh", endpoint=served)[0] == 0
    assert len(served.requests) == 3


def test_a_bad_line_is_a_failure_and_the_others_are_done(run, served, here):
    (here / "docs.jsonl").write_bytes(b'"Oslo"\n{"text": 5}\n{\n"\xff"\n"Rome"\n')
    code, _, err = run("extract", TYPE, "--in", "docs.jsonl", "--out", "out.jsonl", *MODEL, endpoint=served)
    assert (code, err.startswith("2 done, 3 failed (InvalidRequestError 3), ")) == (1, True)
    assert [line["id"] for line in lines(here / "out.jsonl")] == [1, 5]
    assert [(line["id"], line["error"], line["place"]) for line in lines(here / "out.failed.jsonl")] == [
        (2, "InvalidRequestError", "docs.jsonl, line 2"),
        (3, "InvalidRequestError", "docs.jsonl, line 3"),
        (4, "InvalidRequestError", "docs.jsonl, line 4"),
    ]


def test_a_folder_gives_texts_and_pictures_and_leaves_its_own_files_out(run, served, here):
    docs = here / "docs"
    docs.mkdir()
    (docs / "a.txt").write_text("Oslo")
    (docs / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    (docs / "c.bin").write_bytes(b"\xff\xfe")
    arguments = ("extract", TYPE, "--in", "docs", "--out", "docs/out.jsonl", *MODEL)
    for restored in ("", " (2 of them from the store)"):
        code, _, err = run(*arguments, endpoint=served)
        assert (code, err.partition(",")[0]) == (1, f"2 done{restored}")
        assert [(line["id"], line["output"]["city"]) for line in lines(docs / "out.jsonl")] == [
            ("a.txt", "Oslo"),
            ("b.png", "image_url"),
        ]
        assert [line["id"] for line in lines(docs / "out.failed.jsonl")] == ["c.bin"]


def test_lines_of_stdin_go_to_stdout_in_order(program, reach, served):
    done = program("extract", TYPE, "--in", "-", *MODEL, "--retries", "0", stdin="Oslo\nbad\n\nRome\n", **reach(served))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"id": 1, "output": {"city": "Oslo", "degrees": 4}},
        {"id": 4, "output": {"city": "Rome", "degrees": 4}},
    ]
    failed, summary, where = done.stderr.splitlines()
    assert failed.startswith("stdin, line 2: OutputError: ")
    assert summary.startswith("2 done, 1 failed (OutputError 1), ")
    assert where == "stdout has the outputs. Nothing is kept for another time; --out FILE would."
    assert done.returncode == 1


def test_only_the_first_inputs_are_taken_with_a_limit(run, served, here):
    (here / "docs.jsonl").write_text("".join(f'"city {number}"\n' for number in range(9)))
    arguments = ("extract", TYPE, "--in", "docs.jsonl", "--out", "out.jsonl", *MODEL)
    assert run(*arguments, "--limit", "3", endpoint=served)[0] == 0
    assert run(*arguments, "--limit", "5", endpoint=served)[2].startswith("5 done (3 of them from the store), ")
    assert len(served.requests) == 5


def test_at_its_tokens_what_keeps_nothing_does_not_say_that_it_goes_on(run, here):
    (here / "docs.jsonl").write_text('"a"\n"b"\n"c"\n')
    with FakeEndpoint(replies=['{"city": "a", "degrees": 1}']) as endpoint:
        arguments = ("--in", "docs.jsonl", "--out", "-", "--max-tokens-total", "550", "--concurrency", "1")
        code, out, err = run("extract", "weather:Report", *arguments, *MODEL, endpoint=endpoint)
    assert (code, out.count("\n")) == (1, 1)
    assert re.fullmatch(
        r"error: --max-tokens-total 550 leaves too little for another request \(\d+ tokens are spent\), "
        r"and no more inputs were begun. Give a higher one.",
        err.splitlines()[-1],
    )


def test_the_tokens_of_all_inputs_are_bounded_and_the_same_command_goes_on(run, served, here):
    (here / "docs.jsonl").write_text("".join(f'"city {number}"\n' for number in range(9)))
    bounds = ("--concurrency", "1", "--max-tokens-total", "550")
    arguments = ("extract", TYPE, "--in", "docs.jsonl", "--out", "out.jsonl", *bounds, *MODEL)
    code, out, err = run(*arguments, endpoint=served)
    summary, where, error = err.splitlines()
    done, failed, tokens = summary.split(", ")[:3]
    assert (code, out, done, failed) == (1, "", "1 done", "1 failed (LimitExceededError 1)")
    assert where == (
        "out.jsonl has the first 1 outputs, out.failed.jsonl the failures with their reasons. "
        "out.jsonl.sqlite keeps what is finished: run the same command again to go on."
    )
    assert error == (
        f"error: --max-tokens-total 550 leaves too little for another request ({tokens} are spent), and no more inputs "
        "were begun. "
        "Run the same command again to spend as much on the others."
    )
    run(*arguments, endpoint=served)
    assert asked(served) == ["city 0", "city 1"]
    assert len(lines(here / "out.jsonl")) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("weather:Report",), "Give one text behind the type, or many inputs with --in."),
        (("weather:Report", "x", "--in", "d.jsonl"), "Give one text behind the type, or many inputs with --in."),
        (
            ("weather:Report", "x", "--out", "o"),
            "The JSON of one text goes to stdout. Leave --out out, or write > FILE.",
        ),
        (
            ("weather:Report", " "),
            "The prompt is empty. Write it in quotes behind `extract TYPE`, or - to read it from stdin.",
        ),
        (("weather:Report", "--in", "d.jsonl"), "Say where the outputs go: --out FILE, or --out - for stdout."),
        (
            ("weather:Report", "--in", "no.jsonl", "--out", "o.jsonl"),
            "There is no input 'no.jsonl'. Close to it: d.jsonl. Name a file, a folder, or - for stdin.",
        ),
        (
            ("weather:Report", "--in", "d.jsonl", "--out", "./d.jsonl"),
            "'d.jsonl' is read, and written to as well. Name another file with --out.",
        ),
        (("weather:Report", "--in", "d.jsonl", "--out", "o.jsonl"), "There are no inputs in 'd.jsonl'."),
        (
            ("weather:Report", "--in", "d.csv", "--out", "o.jsonl"),
            "'d.csv' has no column 'text'. Its columns are a, b: say which holds the text, --field NAME.",
        ),
        (
            ("weather:Report", "d.csv"),
            (
                "'d.csv' is a file, and TEXT is the text itself. Write --in 'd.csv' --out FILE; "
                "or - < 'd.csv', which takes all of it as one text."
            ),
        ),
        (("weather:Reprot", "x"), "'weather' has no 'Reprot'. Close to it: Report."),
        (
            ("weather:Report", "x", "--mode", "best"),
            "Output mode 'best' is unknown. The modes are: auto, native, tool, json, prompted.",
        ),
    ],
)
def test_a_slip_is_one_line_and_two_and_nothing_is_written(run, served, here, arguments, text):
    (here / "d.jsonl").write_text("\n \n")
    (here / "d.csv").write_text("a,b\n1,2\n")
    assert run("extract", *arguments, *MODEL, endpoint=served) == (2, "", f"error: {text}\n")
    assert {path.name for path in here.iterdir()} - {"__pycache__"} <= {
        "weather.py",
        "d.csv",
        "d.jsonl",
        "o.jsonl.sqlite",
    }
    assert not served.requests


def test_the_examples_of_the_docs_are_of_options_that_exist(run):
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    examples = [line for line in page.splitlines() if re.search(r"^(.*\| )?agentkit extract ", line)]
    _, shown, _ = run("extract", "--help")
    options = {option for line in (*examples, *shown.splitlines()) for option in re.findall(r" (--[a-z-]+)", line)}
    assert len(examples) == 6
    assert [option for option in sorted(options) if f"{option} " not in shown.replace("\n", " ")] == []


def test_a_model_that_is_not_named_is_two(run, here):
    (here / "d.jsonl").write_text('"x"\n')
    code, out, err = run("extract", TYPE, "--in", "d.jsonl", "--out", "o.jsonl")
    assert (code, out) == (2, "")
    assert err.startswith("error: No model is named. Write --model provider:model")
    assert not (here / "o.jsonl.sqlite").exists()


def test_an_error_that_hits_every_input_ends_at_once_and_leaves_the_file_as_it_was(run, here):
    (here / "d.jsonl").write_text('"x"\n' * 50)
    (here / "o.jsonl").write_text("earlier\n")
    with FakeEndpoint(faults=["status:code=401"] * 50, replies=report) as endpoint:
        code, out, err = run("extract", TYPE, "--in", "d.jsonl", "--out", "o.jsonl", *MODEL, endpoint=endpoint)
    assert (code, out, err.count("\n"), err.startswith("error: ")) == (1, "", 1, True)
    assert (here / "o.jsonl").read_text() == "earlier\n"
    assert not (here / "o.failed.jsonl").exists()
    assert not (here / "o.jsonl.part").exists()
