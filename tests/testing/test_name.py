"""What is said of a name that is not known."""

from agentkit.testing.name import unknown


def test_names_that_come_near_are_guessed_and_else_all_are_told():
    known = ("no_index", "no_id", "crlf")
    assert unknown("quirk", "no_indx", known) == (
        "FakeEndpoint: there is no quirk 'no_indx'. Did you mean 'no_index' or 'no_id'?"
    )
    assert (
        unknown("quirk", "odd", known) == "FakeEndpoint: there is no quirk 'odd'; the quirks are crlf, no_id, no_index."
    )
