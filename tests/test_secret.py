"""Keys that were given to this process are hidden from every text."""

from agentkit.secret import remember_secret, scrub


def test_a_known_secret_is_replaced_wherever_it_stands():
    remember_secret("sk-test-one")
    assert scrub("a sk-test-one b sk-test-one") == "a [secret] b [secret]"


def test_a_text_without_secrets_stays():
    assert scrub("nothing here") == "nothing here"


def test_what_is_too_short_to_be_a_secret_is_not_remembered():
    remember_secret("none")
    remember_secret("")
    assert scrub("there is none") == "there is none"


def test_a_secret_that_begins_with_another_is_hidden_whole():
    for length in range(8):
        remember_secret("sk-short" + "x" * length)
    assert scrub("sk-shortxxxxxxx") == "[secret]"
