from agentkit.schema.difference import Difference, closest

KIND = Difference(("kind",), "const", 'should be "cat"', "cow")
TYPE = Difference((), "type", "should be object", 5)


def test_a_difference_is_told_of_what_holds_the_value():
    assert Difference(("a",), "type", "should be null", 1).below("rows", 0).path == ("rows", 0, "a")


def test_only_what_is_required_is_absent():
    assert Difference(("a",), "required", "is missing").is_absence
    assert not TYPE.is_absence


def test_where_no_member_is_of_the_type_all_types_are_told():
    assert closest([[TYPE], [Difference((), "type", "should be null", 5)], [TYPE]]) == [
        Difference((), "type", "should be object or null", 5)
    ]


def test_the_member_of_the_right_type_with_the_fewest_differences_is_told():
    one = Difference(("a",), "type", "should be null", 1)
    assert closest([[TYPE], [one, one], [one]]) == [one]


def test_a_constant_that_fits_tells_the_member_and_else_all_are_told():
    one = Difference(("a",), "required", "is missing")
    other = Difference(("kind",), "const", 'should be "dog"', "cow")

    assert closest([[KIND], [one, one]]) == [one, one]
    assert closest([[KIND, one], [other]]) == [Difference(("kind",), "const", 'should be "cat" or "dog"', "cow")]


def test_what_may_have_one_meaning_only_counts_last():
    null = Difference(("a",), "type", "should be string", None)
    kind = Difference(("kind",), "const", 'should be "cat"', None)
    text = Difference(("a",), "type", "should be array", " [1]")
    missing = Difference(("b",), "required", "is missing")

    assert closest([[missing], [null, text]]) == [null, text]
    assert closest([[KIND], [kind, null]]) == [kind, null]
