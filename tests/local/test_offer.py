import json

import pytest

from agentkit.errors import SchemaError, UnsupportedRequestError
from agentkit.local.offer import make_offer, offer_tools, pick, to_engine
from agentkit.local.reading import Call


def parameters(**properties):
    return {"type": "object", "properties": properties, "required": list(properties)}


def test_a_tool_is_given_in_the_engine_s_form(ask, tool):
    (offer,) = offer_tools(ask("Hi", tools=[tool("get_weather", "Get it.", city="The city.")]).tools)
    assert json.loads(to_engine([offer])) == [
        {
            "name": "get_weather",
            "description": "Get it.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "description": "The city."}},
                "required": ["city"],
            },
        }
    ]


def test_a_tool_without_parameters_has_none():
    assert make_offer("f", None, None).parameters == {"type": "object", "properties": {}, "required": []}


def test_references_are_inlined():
    schema = parameters(at={"$ref": "#/$defs/Place"}) | {"$defs": {"Place": parameters(city={"type": "string"})}}
    assert make_offer("f", "", schema).parameters["properties"]["at"] == parameters(city={"type": "string"})


def test_recursion_is_refused():
    schema = parameters(next={"$ref": "#/$defs/Node"}) | {"$defs": {"Node": parameters(next={"$ref": "#/$defs/Node"})}}
    with pytest.raises(SchemaError) as caught:
        make_offer("f", "", schema)
    assert str(caught.value) == (
        "The embedded model reads no references, and the schema of 'f' has one that must stay. $.properties.next."
        "properties.next: #/$defs/Node contains itself, so it cannot be written without references. "
        "Give a type of fixed depth, or use another model."
    )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({"type": "array", "items": {"type": "string"}}, "items"),
        ({"type": "integer"}, "value"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "value"),
        ({"enum": ["a", "b"], "type": "string"}, "response"),
        ({"anyOf": [{"type": "integer"}, {"type": "string"}]}, "response"),
    ],
)
def test_a_wrapped_value_goes_by_a_telling_name(value, name):
    offer = make_offer("f", "", {"type": "object", "properties": {"response": value}})
    assert [*json.loads(to_engine([offer]))[0]["parameters"]["properties"]] == [name]
    assert offer.read(Call("f", {name: 1})).arguments == {"response": 1}


def test_beside_others_a_property_keeps_the_name_response():
    offer = make_offer("f", "", parameters(response={"type": "integer"}, other={"type": "integer"}))
    assert [*json.loads(to_engine([offer]))[0]["parameters"]["properties"]] == ["response", "other"]


def test_what_costs_attention_is_left_out_and_a_property_named_like_it_stays():
    schema = parameters(title={"type": "string", "title": "Title", "default": "x"}) | {"additionalProperties": False}
    assert make_offer("f", "", schema).parameters == parameters(title={"type": "string"})


@pytest.mark.parametrize("nullable", [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": ["string", "null"]}])
def test_what_may_be_null_is_optional_for_the_engine_and_null_where_it_left_it_out(nullable):
    offer = make_offer("f", "", parameters(city={"type": "string"}, unit=nullable))
    assert offer.parameters == parameters(city={"type": "string"}, unit={"type": "string"}) | {"required": ["city"]}
    assert offer.read(Call("f", {"city": "Oslo"})).arguments == {"city": "Oslo", "unit": None}
    assert offer.read(Call("f", {"city": "Oslo", "unit": "C"})).arguments == {"city": "Oslo", "unit": "C"}


def test_a_union_of_several_types_and_lists_are_kept():
    schema = parameters(
        n={"oneOf": [{"type": "integer"}, {"type": "string", "title": "S"}, {"type": "null"}]},
        all={
            "type": "array",
            "items": {"type": "string", "title": "I"},
            "prefixItems": [{"type": "null", "title": "P"}],
        },
        any=True,
    )
    made = make_offer("f", "", schema).parameters
    assert made["properties"] == {
        "n": {"oneOf": [{"type": "integer"}, {"type": "string"}]},
        "all": {"type": "array", "items": {"type": "string"}, "prefixItems": [{"type": "null"}]},
        "any": True,
    }


def test_a_record_that_is_no_object_is_refused():
    with pytest.raises(UnsupportedRequestError) as caught:
        make_offer("names", "", {"type": "array", "items": {"type": "string"}})
    assert str(caught.value) == (
        "The embedded model writes objects only, and the schema of 'names' is of type 'array'. "
        "Put it into an object with one property."
    )


def test_a_custom_tool_is_refused(ask):
    with pytest.raises(UnsupportedRequestError) as caught:
        offer_tools(ask("Hi", tools=[{"type": "custom", "custom": {"name": "shell"}}]).tools)
    assert str(caught.value) == (
        "The embedded model calls function tools only, and tool 'shell' is of type 'custom'. "
        "Write it as a function, or use another model."
    )


def test_an_alias_goes_out_and_comes_back():
    from dataclasses import replace

    offer = make_offer("f", "", parameters(location={"type": "string"}, unit={"type": "string"}))
    aliased = replace(offer, aliased=True)
    assert list(aliased.to_engine()["parameters"]["properties"]) == ["location_name", "unit"]
    assert aliased.to_engine()["parameters"]["required"] == ["location_name", "unit"]
    assert aliased.read(Call("f", {"location_name": "Oslo"})).arguments == {"location": "Oslo"}


def test_an_alias_that_is_taken_is_not_used():
    from dataclasses import replace

    offer = make_offer("f", "", parameters(place={"type": "string"}, place_name={"type": "string"}))
    assert list(replace(offer, aliased=True).to_engine()["parameters"]["properties"]) == ["place", "place_name"]


def test_a_place_with_and_in_it_may_be_two():
    offer = make_offer("f", "", parameters(location={"type": "string"}, city={"type": "string"}))
    assert offer.widened(Call("f", {"location": "Beijing and in Oslo"}))
    assert not offer.widened(Call("f", {"location": "Sandnes"}))
    assert not offer.widened(Call("f", {"city": "Bosnia and Herzegovina"}))


def test_descriptions_can_be_left_out():
    offer = make_offer("f", "", parameters(city={"type": "string", "description": "A city."}))
    assert offer.described
    assert not offer.bare().described


def test_of_many_tools_the_five_nearest_are_offered_in_their_order(ask, tool):
    names = ["set_timer", "get_weather", "send_mail", "add_task", "play_music", "log_meal", "find_route"]
    offers = offer_tools(ask("Hi", tools=[tool(name, name.replace("_", " ")) for name in names]).tools)
    picked = [offer.name for offer in pick(offers, "How is the weather, and find me a route")]
    assert len(picked) == 5
    assert {"get_weather", "find_route"} <= set(picked)
    assert picked == [name for name in names if name in picked]


def test_five_tools_are_all_offered(ask, tool):
    offers = offer_tools(ask("Hi", tools=[tool(f"t{index}") for index in range(5)]).tools)
    assert pick(offers, "anything") == offers
