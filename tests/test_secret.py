"""Keys that were given to this process are hidden from every text."""

from agentkit.secret import remember_header, remember_secret, scrub


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


def test_headers_are_hidden_where_their_name_says_so_with_and_without_their_scheme():
    remember_header("X-Api-Key", "header-secret-1")
    remember_header("Authorization", "Basic header-secret-2")
    remember_header("X-Team", "header-plain-3")
    assert scrub("header-secret-1 header-secret-2 header-plain-3") == "[secret] [secret] header-plain-3"


def test_a_secret_is_found_as_json_writes_it():
    remember_secret('sk-"a/b')
    assert scrub('{"m": "sk-\\"a/b, sk-\\"a\\/b"}') == '{"m": "[secret], [secret]"}'
