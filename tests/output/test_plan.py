import asyncio
import datetime as dt
import enum
import threading
from typing import Any, Generic, Literal, NewType, Optional, TypeVar

import pytest
from pydantic import BaseModel

from agentkit.errors import SchemaError
from agentkit.output import Asked, OutputPlan, OutputSpec, Rejected
from agentkit.tools.context import Context, ToolRetry

AGAIN = "Answer again with one complete JSON object that fits the schema."


class Item(BaseModel):
    """A thing to buy."""

    name: str
    price: float = 1.5


class Other(BaseModel):
    code: int


class Node(BaseModel):
    value: int
    next: "Node | None" = None


T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    items: list[T]


class Color(enum.Enum):
    RED = "red"


UserId = NewType("UserId", int)
DAY = dt.date(2024, 5, 6)


def context():
    return Context(None, "run", "", "", "", 1, None, 0, print)


def rejected(plan, text):
    with pytest.raises(Rejected) as caught:
        plan.read(text)
    return caught.value.reason


@pytest.mark.parametrize("type_", [str, Optional[str], OutputSpec(str, "native")])
def test_text_is_the_output_as_it_is_and_nothing_is_asked_for(type_):
    plan = OutputPlan.of(type_)

    assert plan.is_text
    assert plan.ask("tool") == plan.ask("native") == Asked()
    assert plan.read(' {"a": 1} ') == ' {"a": 1} '


def test_an_empty_reply_is_none_where_that_is_a_value():
    assert OutputPlan.of(str).read("") == ""
    assert OutputPlan.of(Optional[str]).read(" ") is None
    assert OutputPlan.of(Optional[Item]).read("\n") is None
    assert OutputPlan.of(str | Item | None).read("") is None
    assert OutputPlan.of({"type": ["array", "null"]}).read("") is None
    assert rejected(OutputPlan.of(Item), " ") == f"You answered with nothing. {AGAIN}"


def test_native_sends_the_strict_schema_where_there_is_one():
    def sent(type_, **how):
        return OutputPlan.of(OutputSpec(type_, **how)).ask("native").response_format.to_dict()["json_schema"]

    strict = sent(Item)
    assert (strict["name"], strict["strict"], strict["schema"]["required"]) == ("Item", True, ["name", "price"])
    assert "strict" not in sent(dict[str, int])
    loose = sent(Item, strict=False, name="bill", description="One bill.")
    assert (loose["name"], loose["description"], loose["strict"]) == ("bill", "One bill.", False)
    assert loose["schema"]["required"] == ["name"]


def test_strict_that_cannot_be_is_refused():
    with pytest.raises(SchemaError) as caught:
        OutputPlan.of(OutputSpec(dict[str, int], strict=True)).ask("tool")

    assert str(caught.value) == (
        "Output 'response' cannot be strict. $: it is an open map, and strict mode wants every property named. "
        "Use a model with named fields, or a list of models with a key and a value. "
        "Change the type, or leave `strict=True` out."
    )


def test_the_tool_is_named_and_described_by_spec_then_type():
    def sent(type_, **how):
        return OutputPlan.of(OutputSpec(type_, **how)).ask("tool").tools[0].to_dict()["function"]

    assert sent(Item)["description"] == "A thing to buy."
    assert sent(int)["description"] == "Give the final result. Call this once, when you are done."
    named = sent(Item, name="bill", description="One bill.", strict=True)
    assert (named["name"], named["description"], named["strict"]) == ("bill", "One bill.", True)
    assert named["parameters"]["additionalProperties"] is False


def test_words_hold_the_schema_and_ask_for_json():
    words = OutputPlan.of(OutputSpec(Other, description="A code.")).ask("json")

    assert words.response_format.to_dict() == {"type": "json_object"}
    assert words.instructions == (
        "Answer with one JSON object that fits this JSON Schema, and with nothing else. It is: A code.\n"
        '{"properties":{"code":{"type":"integer"}},"required":["code"],"type":"object"}'
    )


@pytest.mark.parametrize(
    ("type_", "name"),
    [
        (Item, "Item"),
        (Page[Item], "Page_Item"),
        (list[Item], "response"),
        (Item | Other, "response"),
        (UserId, "UserId"),
    ],
)
def test_the_name_is_of_the_letters_that_the_contract_allows(type_, name):
    assert OutputPlan.of(type_).name == name
    assert OutputPlan.of({"type": "object", "title": "Ein Käufer" + "x" * 99}).name.startswith("Ein_K_uferx")


def test_a_union_with_text_lets_the_model_just_answer():
    plan = OutputPlan.of(Item | str)

    assert (plan.allows_text, plan.is_text) == (True, False)
    assert plan.ask("tool").tool_choice is None
    assert "response" not in plan.ask("tool").tools[0].to_dict()["function"]["parameters"]["properties"]
    assert plan.ask("prompted").instructions.startswith("Answer in plain text, or with one JSON object")
    assert plan.ask("native").response_format.json_schema.definition["required"] == ["response"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Which item?", "Which item?"),
        (" Use {braces} \n", " Use {braces} \n"),
        ('{"name": "a"}', Item(name="a")),
        ('{"response": {"name": "a"}}', Item(name="a")),
        ('{"response": "Which item?"}', "Which item?"),
        ('Here: {"name": "a"}', Item(name="a")),
        ('Write {"other": 1} there', 'Write {"other": 1} there'),
        ("5", "5"),
    ],
)
def test_beside_text_the_typed_value_is_taken_where_it_fits(text, value):
    assert OutputPlan.of(Item | str).read(text) == value


def test_beside_text_an_object_that_does_not_fit_is_no_answer():
    assert rejected(OutputPlan.of(Item | str), '{"name": 5}').startswith("Your answer does not fit the schema:\n")
    assert rejected(OutputPlan.of(Item | str), '{"name": "a').startswith("The JSON of your answer is not complete")
    assert OutputPlan.of(int | str).read("5") == 5


@pytest.mark.parametrize(
    ("type_", "text", "value"),
    [
        (Item, 'The template {"x": 1} filled: {"name": "a"}', Item(name="a")),
        (Item, '{"name": "a"}\n{ "name": "a" }', Item(name="a")),
        (Item, 'See [1]: {"name": "a"}', Item(name="a")),
        (list[int], '{"response": "[1, 2]"}', [1, 2]),
        (Item | Other, '{"response": "{\\"code\\": 1}"}', Other(code=1)),
        (Literal["yes", "no"], "yes", "yes"),
        (Color, "\nred\n", Color.RED),
        (dt.date, "2024-05-06", DAY),
    ],
    ids=[
        "one of several",
        "said twice",
        "a list beside",
        "a list as text",
        "an object as text",
        "word",
        "enum",
        "date",
    ],
)
def test_the_one_value_that_is_meant_is_read(type_, text, value):
    assert OutputPlan.of(type_).read(text) == value


@pytest.mark.parametrize(
    ("type_", "text", "reason"),
    [
        (Item, "I cannot.", f"Your answer holds no JSON. {AGAIN}"),
        (Literal["yes", "no"], "perhaps", f"Your answer holds no JSON. {AGAIN}"),
        (Item, '{"name": "a"} or {"name": "b"}', f"Your answer holds 2 different JSON values that fit. {AGAIN}"),
        (
            Item,
            '{"name": "a", "name": "b"}',
            f"The JSON of your answer is not complete or not valid: it names 'name' twice. {AGAIN}",
        ),
        (
            Node,
            '{"value": 1, "next": {"value": 2}',
            (
                "The JSON of your answer is not complete or not valid: it breaks off after "
                f'\'alue": 1, "next": {{"value": 2}}\'. {AGAIN}'
            ),
        ),
        (
            Item,
            'Here: {"price": 2}',
            f"Your answer does not fit the schema:\n- name: is missing\n{AGAIN}",
        ),
        (
            list[int],
            '{"response": [1, "x"]}',
            f'Your answer does not fit the schema:\n- 1: should be integer; you gave "x"\n{AGAIN}',
        ),
    ],
    ids=["no JSON", "no word", "two", "a key twice", "cut", "unfit", "unfit in a field"],
)
def test_what_is_no_output_is_told_to_the_model(type_, text, reason):
    assert rejected(OutputPlan.of(type_), text) == reason


def finish(type_, text, **how):
    plan = OutputPlan.of(OutputSpec(type_, **how))
    return asyncio.run(plan.finish(plan.read(text), context()))


def test_validators_change_the_value_in_order_sync_or_async_with_or_without_context():
    async def add(value):
        return value + 1

    def double(run, value, factor=2):
        assert run.run_id == "run"
        return value * factor

    assert finish(int, "5", validators=[add, double, lambda value: [value]]) == [12]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("Too high"), "Your answer is not accepted: Too high. Answer again, corrected."),
        (ValueError("Too high!"), "Your answer is not accepted: Too high! Answer again, corrected."),
        (AssertionError("Too high"), "Your answer is not accepted: Too high. Answer again, corrected."),
        (
            ValueError("x" * 999),
            f"Your answer is not accepted: {'x' * 500}… (999 characters). Answer again, corrected.",
        ),
        (AssertionError(), "Your answer is not accepted: it failed a check. Answer again, corrected."),
        (ToolRetry("Give at most 3."), "Give at most 3."),
    ],
)
def test_a_validator_that_refuses_asks_again(error, reason):
    def refuse(value):
        raise error

    with pytest.raises(Rejected) as caught:
        finish(int, "5", validators=[refuse])

    assert caught.value.reason == reason
    assert caught.value.__cause__ is error


def test_a_model_made_in_a_validator_that_does_not_fit_asks_again_by_path():
    wrong = {"items": [{}, {"name": 5}, {"name": "a", "price": "x"}, {"name": None}]}
    with pytest.raises(Rejected) as caught:
        finish(int, "5", validators=[lambda value: Page[Item | Other].model_validate(wrong)])
    with pytest.raises(Rejected) as again:
        finish(int, "5", validators=[lambda value: Item.model_validate({})])

    assert caught.value.reason == (
        "Your answer is not accepted: items.0.Item.name: is missing; items.0.Other.code: is missing; "
        "items.1.Item.name: should be string; and 5 more. Answer again, corrected."
    )
    assert again.value.reason == "Your answer is not accepted: name: is missing. Answer again, corrected."


def test_another_error_of_a_validator_is_not_the_models():
    with pytest.raises(ZeroDivisionError):
        finish(int, "5", validators=[lambda value: value / 0])


def test_the_result_of_a_function_is_the_output():
    def add(run: Context[None], a: int, b: int = 2) -> list[Any]:
        """Add two numbers."""
        return [a + b, run.run_id, threading.current_thread() is threading.main_thread()]

    async def later(a: int) -> int:
        return a + 1

    plan = OutputPlan.of(add)
    tool = plan.ask("tool").tools[0].to_dict()["function"]
    assert (tool["name"], tool["description"], tool["parameters"]["required"]) == ("add", "Add two numbers.", ["a"])
    assert finish(add, '{"a": 1}') == [3, "run", False]
    assert finish(later, 'So: {"a": 1}', validators=[str]) == "2"


def test_a_function_that_refuses_asks_again():
    def pick(a: int) -> int:
        raise ToolRetry("Ask for less.")

    with pytest.raises(Rejected, match=r"^Ask for less\.$"):
        finish(pick, '{"a": 1}')
    assert rejected(OutputPlan.of(pick), '{"a": "x"}') == "Argument 'a' should be a valid integer, you sent \"x\"."


def test_nothing_is_built_before_it_is_asked_for():
    assert OutputPlan.of(list["Nowhere"]).spec.type == list["Nowhere"]  # noqa: F821 # there is no such name, as the test wants
