"""Names: keywords of JSON Schema and Python, spaces, dashes, other scripts, several aliases, classes of one name."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel, to_pascal
from typing_extensions import TypedDict

from corpus.case import Case

__all__ = ["CASES"]


class Keywords(BaseModel):
    """Fields that bear the names of JSON Schema's own keywords."""

    model_config = ConfigDict(protected_namespaces=())

    type: str
    title: str
    description: str | None = None
    default: int = 3
    format: Literal["a", "b"] = "a"
    properties: dict[str, int] = {}
    required: bool = False
    items: list[int] = []
    enum: list[str] = []
    const: float | None = None
    anyOf: list[int] | None = None
    additionalProperties: bool = True
    response: int | None = None
    model_config_: str | None = Field(None, alias="model_config")
    model_name: str = "m"
    schema_: str = Field("s", alias="schema")
    ref: str | None = Field(None, alias="$ref")
    defs: list[int] = Field([], alias="$defs")


class Pythonic(BaseModel):
    class_: str = Field(alias="class")
    from_: int = Field(alias="from")
    none: bool = Field(alias="None")
    self_: int | None = Field(None, alias="self")


class Odd(BaseModel):
    first: str = Field(alias="First name")
    dashed: int = Field(alias="x-rate-limit")
    dotted: int | None = Field(None, alias="a.b.c")
    slashed: list[int] = Field([], alias="a/b~c")
    norsk: str = Field(alias="ærøy ø")
    snow: bool = Field(False, alias="☃️")
    quoted: str | None = Field(None, alias='say "hi"')
    empty: int | None = Field(None, alias="")
    naive: float = Field(0.5, alias="naïve")
    namae: str = Field("?", alias="名前")


class Several(BaseModel):
    name: str = Field(validation_alias=AliasChoices("fullName", "name", "Name"))
    first: int = Field(validation_alias=AliasChoices("first", AliasPath("numbers", 0)))


class Both(BaseModel):
    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    given: int = Field(validation_alias="inGiven", serialization_alias="outGiven")


class Inner(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    some_value: int
    other_value: list[int] = []


class Outer(BaseModel):
    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True)

    inner_one: Inner
    inner_list: list[Inner] = []
    inner_map: dict[str, Inner] = {}


class First:
    class Item(BaseModel):
        a: int


class Second:
    class Item(BaseModel):
        b: str


class Twins(BaseModel):
    one: First.Item
    two: list[Second.Item]


T = TypeVar("T")


class Wrapper(BaseModel, Generic[T]):
    value: T


class Response(BaseModel):
    response: str
    final_result: int = 0


Headers = TypedDict("Headers", {"Content-Type": str, "x y": int})


class Described(BaseModel):
    """It has `code`, "quotes", {braces} and
    more than one line.

    Second part, with unicode: ø.
    """

    field: Annotated[int, Field(description="First.")] = Field(default=1, description="Second: {json}\n- a\n- b")
    nested: Annotated[list[Annotated[str, Field(description="One name.")]], "a note"] = []


CASES = (
    Case(
        "keywords",
        Keywords,
        (
            Keywords.model_validate(
                {
                    "type": "object",
                    "title": "t",
                    "properties": {"type": 1},
                    "items": [1],
                    "enum": ["x"],
                    "const": 1.5,
                    "anyOf": [1],
                    "$ref": "#/x",
                    "$defs": [2],
                    "schema": "z",
                    "model_config": "c",
                    "response": 5,
                }
            ),
            Keywords(type="a", title="b"),
        ),
    ),
    Case("python names", Pythonic, (Pythonic.model_validate({"class": "a", "from": 1, "None": True, "self": 2}),)),
    Case(
        "odd names",
        Odd,
        (
            Odd.model_validate(
                {
                    "First name": "a",
                    "x-rate-limit": 1,
                    "a.b.c": 2,
                    "a/b~c": [3],
                    "ærøy ø": "b",
                    "☃️": True,
                    'say "hi"': "hi",
                    "": 4,
                    "名前": "n",
                }
            ),
            Odd.model_validate({"First name": "a", "x-rate-limit": 1, "ærøy ø": "b"}),
        ),
    ),
    Case("alias choices", Several, (Several(fullName="a", first=1),), ({"fullName": "a", "first": 1},)),
    Case("two aliases", Both, (Both(given=1),), ({"inGiven": 1},)),
    Case(
        "nested aliases",
        Outer,
        (
            Outer(
                inner_one=Inner(someValue=1),
                inner_list=[Inner(someValue=2, otherValue=[3])],
                inner_map={"k": Inner(someValue=4)},
            ),
        ),
    ),
    Case("one name twice", Twins, (Twins(one=First.Item(a=1), two=[Second.Item(b="x")]),)),
    Case(
        "generic names",
        Wrapper[Wrapper[dict[str, int]]],
        (Wrapper[Wrapper[dict[str, int]]](value=Wrapper[dict[str, int]](value={"a": 1})),),
    ),
    Case("field response", Response, (Response(response="r", final_result=1), Response(response='{"response": 1}'))),
    Case("only response", dict[str, Any], ({"response": {"response": 1}},), open=True),
    Case("headers", Headers, ({"Content-Type": "a", "x y": 1},)),
    Case("descriptions", Described, (Described(field=2, nested=["a"]), Described())),
)
