"""Types of real projects through every mode: what is sent, what comes back, whole, streamed, in words, and damaged."""

import asyncio
import importlib.util
import json
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from pydantic_core import to_jsonable_python

from agentkit import Agent, OutputSpec, errors
from agentkit.output import OutputPlan, Rejected
from agentkit.schema import why_not_strict
from agentkit.testing import ScriptedModel, call

HERE = Path(__file__).parent / "corpus"


def corpus():
    """Load the package of the cases; tests are in no package, so it is named here."""
    if "corpus" not in sys.modules:
        spec = importlib.util.spec_from_file_location("corpus", HERE / "__init__.py")
        sys.modules["corpus"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules["corpus"].CASES


CASES = corpus()
MODES = ("native", "tool", "json", "prompted")
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
each_mode = pytest.mark.parametrize("mode", MODES)


def streamed():
    """Pair all cases with the modes that differ in a stream, and some with the others."""
    return [(case, mode) for at, case in enumerate(CASES) for mode in (MODES if at % 8 == 0 else MODES[:2])]


def sent(plan, mode):
    """Give the schema that a request carries, and whether it is strict."""
    asked = plan.ask(mode)
    if mode == "native":
        made = asked.response_format.to_dict()["json_schema"]
        return made["schema"], made.get("strict") is True
    if mode == "tool":
        function = asked.tools[0].to_dict()["function"]
        return function["parameters"], function.get("strict") is True
    return json.loads(asked.instructions.partition("\n")[2]), False


def fits(value, schema, root):
    return Draft202012Validator(root).evolve(schema=schema).is_valid(value)


def filled(value, schema, root):
    """Write null for each property that a strict schema wants and the value leaves out."""
    if "$ref" in schema:
        steps = schema["$ref"].split("/")[1:]
        target = root
        for step in steps:
            target = target[step]
        return filled(value, target, root)
    for member in schema.get("anyOf", ()):
        tried = filled(value, member, root)
        if fits(tried, member, root):
            return tried
    if isinstance(value, list) and "items" in schema:
        return [filled(item, schema["items"], root) for item in value]
    if isinstance(value, dict) and "properties" in schema:
        given = {
            name: filled(value[name], inner, root) for name, inner in schema["properties"].items() if name in value
        }
        return {name: given.get(name) for name in schema["properties"]} | {
            name: inner for name, inner in value.items() if name not in given
        }
    return value


def as_asked(plan, mode, value):
    """Write a value as the mode asks for it: wrapped where it is, with null for what strict mode left no other way."""
    schema, strict = sent(plan, mode)
    if plan.is_wrapped and list(schema["properties"]) == ["response"]:
        value = {"response": value}
    return filled(value, schema, schema) if strict else value


def reply_of(mode, value, name="final_result"):
    text = json.dumps(value, ensure_ascii=False)
    return call(name, text) if mode == "tool" else text


def rejected(plan, text):
    with pytest.raises(Rejected) as caught:
        plan.read(text)
    return caught.value


@each_mode
@each_case
def test_what_is_sent_is_a_schema_that_the_samples_fit(case, mode):
    plan = OutputPlan.of(case.spec(mode))
    schema, _ = sent(plan, mode)
    Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    for _, value in case.pairs():
        assert [*Draft202012Validator(schema).iter_errors(as_asked(plan, mode, value))] == []


@each_case
def test_where_there_is_a_strict_form_it_is_sent_and_the_samples_fit_it(case):
    native = OutputPlan.of(case.spec("native"))
    schema, strict = sent(native, "native")
    assert strict is (why_not_strict(native.schema) is None)
    if not strict:
        return
    tool = OutputPlan.of(case.spec("tool", strict=True))
    parameters, _ = sent(tool, "tool")
    for plan, mode in ((native, "native"), (tool, "tool")):
        for sample, value in case.pairs():
            written = as_asked(plan, mode, value)
            assert [*Draft202012Validator(schema if mode == "native" else parameters).iter_errors(written)] == []
            assert plan.read(json.dumps(written)) == sample


@each_mode
@each_case
def test_the_sample_comes_back(case, mode):
    async def main():
        for sample, value in case.pairs():
            plan = OutputPlan.of(case.spec(mode))
            model = ScriptedModel([reply_of(mode, as_asked(plan, mode, value))])
            result = await Agent(model, output=case.spec(mode)).run("Read it.")
            assert result.output == sample
            assert type(result.output) is type(sample)
            assert result.attempts == ()

    asyncio.run(main())


@pytest.mark.parametrize(("case", "mode"), streamed(), ids=lambda one: getattr(one, "name", one))
def test_the_sample_comes_back_in_a_stream_whose_partials_grow_to_it(case, mode):
    async def main():
        for sample, value in case.pairs():
            plan = OutputPlan.of(case.spec(mode))
            model = ScriptedModel([reply_of(mode, as_asked(plan, mode, value))])
            async with Agent(model, output=case.spec(mode)).stream("Read it.") as stream:
                partials = [partial async for partial in stream.partials()]
            assert stream.result.output == sample
            assert partials
            shown = [json.dumps(to_jsonable_python(partial, fallback=repr), sort_keys=True) for partial in partials]
            assert all(before != after for before, after in pairwise(shown))
            wholes = [to_jsonable_python(sample, by_alias=aliased, fallback=repr) for aliased in (True, False)]
            assert case.replies or any(is_part_of(json.loads(shown[-1]), whole) for whole in wholes)

    asyncio.run(main())


def is_part_of(partial, whole):
    """Tell whether a partial's dump says nothing that the value's dump does not."""
    if isinstance(partial, dict) and isinstance(whole, dict):
        return all(inner is None or is_part_of(inner, whole.get(name)) for name, inner in partial.items())
    if isinstance(partial, list) and isinstance(whole, list):
        in_place = len(partial) == len(whole) and all(map(is_part_of, partial, whole))
        return in_place or sorted(map(repr, partial)) == sorted(map(repr, whole))  # of sets
    return partial == whole


@each_case
def test_a_reply_in_fences_or_words_or_as_a_text_is_the_same_value(case):
    plan = OutputPlan.of(case.spec("prompted"))
    for sample, value in case.pairs():
        written = as_asked(plan, "prompted", value)
        text = json.dumps(written, ensure_ascii=False)
        forms = [text, json.dumps(written, indent=2), f"\n\n{text}\n", json.dumps(text)]
        if not plan.allows_text:
            forms += [f"```json\n{text}\n```", f"```\n{text}\n```", f"Sure! Here it is:\n\n{text}\n\nIs that all?"]
            forms += [f"I read {{this}} so:\n```json\n{text}\n```\nDone."]
        for form in forms:
            assert plan.read(form) == sample, form


@each_case
def test_a_reply_that_was_cut_is_never_a_value(case):
    plan = OutputPlan.of(case.spec("prompted"))
    for _, value in case.pairs():
        text = json.dumps(as_asked(plan, "prompted", value), ensure_ascii=False)
        for end in {*range(1, len(text) - 1, 10), len(text) - 1}:
            rejected(plan, text[:end])
            if not plan.allows_text:
                rejected(plan, f"Here:\n```json\n{text[:end]}\n```\nThat was it.")


def damaged(value, path=()):
    """Give copies of a value, each with one property left out or one leaf of another type."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield {key: kept for key, kept in value.items() if key != name}
            for changed in damaged(inner):
                yield {**value, name: changed}
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            for changed in damaged(inner):
                yield [*value[:at], changed, *value[at + 1 :]]
    else:
        yield {"wrong": [None]}
        yield [[value]]


@each_case
def test_a_reply_that_does_not_fit_the_schema_is_never_a_value(case):
    if case.open:
        pytest.skip("anything fits")
    plan = OutputPlan.of(case.spec("json"))
    schema, _ = sent(plan, "json")
    check = Draft202012Validator(schema)
    seen = 0
    for _, value in case.pairs():
        for written in damaged(as_asked(plan, "json", value)):
            if not check.is_valid(written):
                seen += 1
                rejected(plan, json.dumps(written))
    assert seen


@pytest.mark.parametrize("mode", MODES)
def test_a_damaged_reply_is_asked_for_again_and_then_is_an_error(mode):
    def run(case, *replies):
        model = ScriptedModel([reply if mode != "tool" else call("final_result", reply) for reply in replies])
        return Agent(model, output=OutputSpec(case.type, mode, retries=1)).run_sync("Read it.")

    for case in CASES[::7]:
        plan = OutputPlan.of(case.spec(mode))
        sample, value = case.pairs()[0]
        text = json.dumps(as_asked(plan, mode, value))
        result = run(case, text[: len(text) // 2], text)
        assert result.output == sample
        assert len(result.attempts) == 1
        with pytest.raises(errors.OutputError) as caught:
            run(case, text[:-1], text[: len(text) // 2])
        assert len(caught.value.attempts) == 2


def lists():
    for case in CASES:
        if isinstance(case.samples[0], list) and case.name not in {"nested lists", "json", "raw tuple"}:
            yield case


@pytest.mark.parametrize("case", [*lists()], ids=lambda case: case.name)
@pytest.mark.parametrize("mode", ["native", "tool"])
def test_the_elements_of_a_list_come_once_each(case, mode):
    async def main():
        for sample, value in case.pairs():
            plan = OutputPlan.of(case.spec(mode))
            model = ScriptedModel([reply_of(mode, as_asked(plan, mode, value))])
            async with Agent(model, output=case.spec(mode)).stream("Read it.") as stream:
                assert [item async for item in stream.items()] == (sample or [])
            assert stream.result.output == sample

    asyncio.run(main())
