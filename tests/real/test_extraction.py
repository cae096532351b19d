"""Typed outputs of a real llama.cpp server: every schema is taken, the constraint holds, each mode ends honestly."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel, Field

from agentkit import Agent, ChatModel, OutputSpec, Settings, errors, extract_sync, tool
from agentkit.agent import Middleware
from agentkit.http import Profile
from agentkit.output import OutputPlan
from agentkit.providers import PROVIDERS

pytestmark = pytest.mark.real

CORPUS = Path(__file__).parents[1] / "output" / "corpus" / "__init__.py"
END_OF_TURN = "106"  # a token of the server's model, see llamacpp.py
BLANK = dict.fromkeys(("107", "108", "138", "255968"), -100)  # line breaks, tabs: the model would write nothing else
TEXT = "Ann, 30, bought 2 red lamps in Oslo on 2024-05-06."
NATIVE = Profile(output_mode="native")


def corpus():
    """Load the package of the cases; tests are in no package, so it is named here."""
    if "corpus" not in sys.modules:
        spec = importlib.util.spec_from_file_location("corpus", CORPUS)
        sys.modules["corpus"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return {case.name: case for case in sys.modules["corpus"].CASES}


CASES = corpus()
EXACT = ["label", "bool", "bounded int", "mixed literal", "nullable enum", "mixed enum"]
ASKED = [
    "manifest",
    "geometry",
    "sixty fields",
    "odd names",
    "twelve deep",
    "blob",
    "raw person",
    "raw tuple of draft 7",
]


def agent(llamacpp, output, *, profile=NATIVE, tokens=40, **fields):
    settings = Settings(max_completion_tokens=tokens, temperature=0, logit_bias=BLANK)
    return Agent(
        ChatModel("gemma3-270m", base_url=llamacpp, profile=profile), output=output, settings=settings, **fields
    )


class Lamp(BaseModel):
    color: str = Field(json_schema_extra={"enum": ["red", "blue"]})
    count: int = Field(ge=1, le=9)


@pytest.mark.parametrize("name", CASES)
def test_every_schema_is_one_that_llama_cpp_makes_a_grammar_of(name):
    import xllamacpp

    for strict in (None, False):
        plan = OutputPlan.of(CASES[name].spec("native", strict=strict))
        schema = plan.ask("native").response_format.to_dict()["json_schema"]["schema"]
        assert xllamacpp.json_schema_to_grammar(json.dumps(schema))


@pytest.mark.parametrize("name", ASKED)
def test_the_server_takes_the_schema(llamacpp, name):
    with pytest.raises(errors.LengthError) as caught:
        agent(llamacpp, CASES[name].spec("native", retries=0), tokens=2).run_sync(TEXT)
    assert caught.value.text.lstrip()[:1] in ("", "{")


@pytest.mark.parametrize("name", EXACT)
def test_what_a_grammar_says_in_full_is_always_a_value(llamacpp, name):
    case = CASES[name]
    output = agent(llamacpp, case.spec("native", retries=0)).run_sync(TEXT).output
    assert case.adapter().validate_json(case.adapter().dump_json(output)) == output


def test_a_model_is_read_under_the_constraint_and_grows_while_it_is(llamacpp):
    with agent(llamacpp, Lamp).stream_sync(TEXT) as stream:
        partials = list(stream.partials())
    lamp = stream.result.output
    assert isinstance(lamp, Lamp)
    assert stream.result.turns == 1
    assert (partials[-1].color, partials[-1].count) == (lamp.color, lamp.count)
    assert len(partials) > 1


def test_the_one_liner_reads_it_too(llamacpp):
    model = ChatModel("gemma3-270m", base_url=llamacpp, profile=NATIVE)
    lamp = extract_sync(
        Lamp, TEXT, model=model, settings=Settings(max_completion_tokens=40, temperature=0, logit_bias=BLANK)
    )
    assert isinstance(lamp, Lamp)


class Ends(Middleware):
    """Let the model end its turn at once where nothing constrains it, for it would talk on."""

    def __init__(self):
        self.asked = []

    async def ask(self, request, run, next):  # noqa: A002  # as in starlette
        self.asked.append(request)
        free = request.response_format is None
        return await next(request.replace(logit_bias={END_OF_TURN: 100}) if free else request)


@pytest.mark.parametrize("streamed", [False, True])
def test_with_tools_beside_the_last_turn_is_constrained_and_has_none(llamacpp, streamed):
    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    ends = Ends()
    asking = agent(llamacpp, OutputSpec(Lamp, "native"), tools=[add], middleware=[ends])
    if streamed:
        with asking.stream_sync(TEXT) as stream:
            assert [event.type for event in stream][-1] == "run_ended"
        result = stream.result
    else:
        result = asking.run_sync(TEXT)
    assert isinstance(result.output, Lamp)
    assert result.attempts == ()
    first, last = ends.asked
    assert (len(first.tools), first.response_format) == (1, None)
    assert (len(last.tools), last.response_format.type) == (0, "json_schema")


def test_the_profile_of_the_provider_takes_the_schema(llamacpp):
    profile = PROVIDERS["llamacpp"].profile
    result = agent(llamacpp, Lamp, profile=profile).run_sync(TEXT)
    assert isinstance(result.output, Lamp)
    assert result.turns == 1


@pytest.mark.parametrize("mode", ["json", "prompted", "tool"])
def test_without_the_schema_as_constraint_the_end_is_a_value_or_an_error_that_says_why(llamacpp, mode):
    ended = None
    try:
        ended = agent(llamacpp, OutputSpec(Lamp, mode, retries=1), tokens=24).run_sync(TEXT).output
    except (errors.LengthError, errors.OutputError) as error:
        ended = error
    assert isinstance(ended, Lamp) or ended.attempts
