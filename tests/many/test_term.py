"""What a caller may say of how a map is done."""

import pytest

from agentkit.errors import ConfigurationError
from agentkit.many import Terms


@pytest.mark.parametrize(
    ("terms", "text"),
    [
        ({"concurrency": 0}, "concurrency=0 is no number of runs at once. Give 1 or more."),
        ({"concurrency": True}, "concurrency=True is no number of runs at once. Give 1 or more."),
        ({"on_error": "ignore"}, 'on_error is \'ignore\', which is unknown. Give "keep" or "raise".'),
    ],
)
def test_terms_that_cannot_be_are_refused_at_once(terms, text):
    with pytest.raises(ConfigurationError) as refused:
        Terms(**terms)
    assert str(refused.value) == text


def test_the_window_grows_with_what_runs_at_once():
    assert [Terms(concurrency=count).window for count in (1, 16, 17)] == [256, 256, 272]
