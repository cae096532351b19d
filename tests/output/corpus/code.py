"""Things that contain themselves: OpenAPI-like schemas, expressions, query filters, file trees, documents."""

from typing import Annotated, Any, Generic, Literal, Optional, TypeVar, Union

from pydantic import BaseModel, ConfigDict, Discriminator, Field, RootModel, Tag
from typing_extensions import TypeAliasType

from corpus.case import Case

__all__ = ["CASES"]


class SchemaObject(BaseModel):
    """A schema that describes data, as in OpenAPI."""

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())

    ref: str | None = Field(None, alias="$ref")
    schema_: str | None = Field(None, alias="$schema")
    type: Literal["object", "array", "string", "number", "integer", "boolean", "null"] | None = None
    format: str | None = None
    default: str | int | float | bool | None = None
    enum: list[str | int] | None = None
    properties: dict[str, "SchemaObject"] | None = None
    items: Optional["SchemaObject"] = None
    all_of: list["SchemaObject"] | None = Field(None, alias="allOf")
    additional: Union[bool, "SchemaObject", None] = Field(None, alias="additionalProperties")
    required: list[str] | None = None


class Number(BaseModel):
    kind: Literal["number"] = "number"
    value: float


class Name(BaseModel):
    kind: Literal["name"] = "name"
    id: str = Field(pattern=r"^[a-z_]\w*$")


class Binary(BaseModel):
    kind: Literal["binary"] = "binary"
    op: Literal["+", "-", "*", "/"]
    left: "Expression"
    right: "Expression"


class Call(BaseModel):
    kind: Literal["call"] = "call"
    function: Name
    arguments: list["Expression"] = []


Expression = Annotated[Number | Name | Binary | Call, Field(discriminator="kind")]
Binary.model_rebuild()
Call.model_rebuild()


class Assign(BaseModel):
    target: Name
    value: Expression


class While(BaseModel):
    test: Expression
    body: "Block"


class Block(BaseModel):
    statements: list[Assign | While | Expression]


While.model_rebuild()


class Folder(BaseModel):
    name: str
    size: int = 0
    entries: list["Folder | str"] = []


class Tree(RootModel[dict[str, "Tree | int"]]):
    pass


class Condition(BaseModel):
    field: str
    op: Literal["=", "<", ">", "in"]
    value: str | int | float | list[str]


class AllOf(BaseModel):
    all: list["Filter"]


class AnyOf(BaseModel):
    any: list["Filter"]


class Not(BaseModel):
    not_: "Filter" = Field(alias="not")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return next((name for name in ("all", "any", "not") if name in value), "is")
    return {AllOf: "all", AnyOf: "any", Not: "not"}.get(type(value), "is")


Filter = Annotated[
    Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")]
    | Annotated[Condition, Tag("is")],
    Discriminator(_kind),
]
for holder in (AllOf, AnyOf, Not):
    holder.model_rebuild()


class Query(BaseModel):
    select: list[str]
    where: Filter | None = None
    order: list[tuple[str, Literal["asc", "desc"]]] = []
    limit: int | None = Field(None, gt=0)


Json = TypeAliasType("Json", "dict[str, Json] | list[Json] | str | int | float | bool | None")
Nested = TypeAliasType("Nested", "int | list[Nested]")

T = TypeVar("T")


class Linked(BaseModel, Generic[T]):
    value: T
    next: Optional["Linked[T]"] = None


class Text(BaseModel):
    t: Literal["text"] = "text"
    text: str
    marks: list[Literal["b", "i", "code"]] = []


class Table(BaseModel):
    t: Literal["table"] = "table"
    header: list[str]
    rows: list[list[str | float | None]]


class Section(BaseModel):
    t: Literal["section"] = "section"
    level: Literal[1, 2, 3]
    content: list[Annotated["Text | Table | Section", Field(discriminator="t")]]


def _deep(levels: int) -> Any:
    """Make a model within a model, `levels` deep."""
    made: Any = int
    for level in range(levels):
        made = type(
            f"Level{level}",
            (BaseModel,),
            {"__annotations__": {"inner": made, "at": int}, "at": level, "__module__": __name__},
        )
    return made


Deep9, Deep12 = _deep(9), _deep(12)


def _filled(levels: int) -> Any:
    made: Any = 42
    for level in range(levels):
        made = {"inner": made, "at": level}
    return made


ONE, X = Number(value=1.0), Name(id="x")
SUM = Binary(op="+", left=ONE, right=Binary(op="*", left=X, right=Number(value=-2.5)))
OPEN = Condition(field="state", op="in", value=["open", "new"])
OBJECT = SchemaObject.model_validate(
    {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "$ref": {"$ref": "#/x"},
            "a": {"type": "array", "items": {"type": "string", "format": "date", "default": "x"}},
        },
        "additionalProperties": False,
        "required": ["a"],
        "allOf": [{"enum": ["a", 1]}, {"additionalProperties": {"type": "null", "default": 1.5}}],
    }
)

CASES = (
    Case("openapi schema", SchemaObject, (OBJECT, SchemaObject())),
    Case("expression", Expression, (ONE, SUM, Call(function=X, arguments=[SUM, X]))),
    Case(
        "program",
        Block,
        (
            Block(statements=[Assign(target=X, value=SUM), While(test=X, body=Block(statements=[X]))]),
            Block(statements=[]),
        ),
    ),
    Case("folder", Folder, (Folder(name="/", entries=["a", Folder(name="b", size=2, entries=["c"])]), Folder(name=""))),
    Case("tree", Tree, (Tree({"a": 1, "b": Tree({"c": 2, "d": Tree({})})}), Tree({}))),
    Case("filter", Filter, (OPEN, AllOf(all=[OPEN, Not.model_validate({"not": OPEN})]))),
    Case(
        "query", Query, (Query(select=["a"], where=AnyOf(any=[OPEN]), order=[("a", "asc")], limit=1), Query(select=[]))
    ),
    Case("json", Json, ({"a": [1, "b", None, {"c": 2.5}]}, [True, 1], "text"), open=True),
    Case("nested lists", Nested, ([1, [2, [3]], []], 7)),
    Case("linked", Linked[int], (Linked[int](value=1, next=Linked[int](value=2)),)),
    Case(
        "document",
        Section,
        (
            Section(
                level=1,
                content=[
                    Text(text="a", marks=["b"]),
                    Section(level=2, content=[Table(header=["a"], rows=[["x", 1.5, None], []])]),
                ],
            ),
        ),
    ),
    Case("nine deep", Deep9, (Deep9.model_validate(_filled(9)),)),
    Case("twelve deep", Deep12, (Deep12.model_validate(_filled(12)),)),
)
