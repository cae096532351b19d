"""An examination as text."""

import dataclasses
import io
import json

from agentkit.cli.examination import examination_json, profile_text, show_examination
from agentkit.cli.screen import Screen
from agentkit.doctor import Examination, Finding
from agentkit.http import Profile

FINDINGS = (
    Finding(probe="plain", verdict="works", seen='answered "a | b"', needed=True),
    Finding(probe="stream", verdict="deviates", seen="no `[DONE]`\n\x1b[2J", done="takes it", deviation="no_done"),
    Finding(probe="tools", verdict="refused", seen="400: no", done="cannot", needed=True),
)


PROFILE = Profile(strict=False, source="agentkit doctor", checked="2026-01-02")


def examination(findings=FINDINGS, profile=PROFILE):
    return Examination(
        endpoint="http://127.0.0.1:1/v1",
        model="any",
        checked="2026-01-02",
        requests=3,
        input_tokens=1234,
        output_tokens=5,
        seconds=0.25,
        findings=findings,
        profile=profile,
    )


def shown(found):
    stream = io.StringIO()
    show_examination(found, Screen(stream))
    return stream.getvalue()


def test_a_pipe_gets_markdown():
    assert (
        shown(examination())
        == """\
| probe | verdict | what was seen | what agentkit does |
| --- | --- | --- | --- |
| plain | works | answered "a \\| b" |  |
| - no_done | deviates | no `[DONE]` [2J | takes it |
| tools | refused | 400: no | cannot |

any at http://127.0.0.1:1/v1, 2026-01-02: 1 works, 1 deviates, 1 refused; 3 requests, 1,234 tokens in, 5 out, 0.2 s. \
Agents need what was not seen to work here: tools.

```json
{
  "strict": false,
  "source": "agentkit doctor",
  "checked": "2026-01-02"
}
```
"""
    )


def test_all_well_is_said_and_so_is_no_reply():
    assert "All that agents need works." in shown(examination(FINDINGS[:1]))
    nothing = shown(examination((Finding(probe="plain", verdict="failed", seen="No connection.", needed=True),), None))
    assert nothing.endswith("The endpoint gave no reply, so nothing else was asked.\n")
    assert "```" not in nothing


def test_bounds_that_leave_no_room_are_told():
    skipped = Finding(probe="plain", verdict="skipped", seen="it may take 80 tokens; 0 of 1 are spent", needed=True)
    nothing = shown(dataclasses.replace(examination((skipped,), None), requests=0))
    assert nothing.endswith("Nothing was asked: the bounds leave no room.\n")


def test_markdown_shows_a_cell_as_it_is():
    seen = 'a \\| b <img src="x"> `c`'
    row = shown(examination((Finding(probe="plain", verdict="works", seen=seen),))).splitlines()[2]
    assert row == '| plain | works | a \\\\\\| b \\<img src="x"> `c` |  |'


def test_the_document_holds_all_of_it_and_nothing_that_fools_a_terminal():
    document = examination_json(examination())
    assert json.loads(document) == json.loads(json.dumps(examination().to_dict()))
    assert "\x1b" not in document


def test_a_profile_is_written_whole_or_as_what_is_not_the_default():
    profile = Profile(call_ids="nine_alphanumeric")
    short, whole = (profile_text(profile, whole=whole) for whole in (False, True))
    assert json.loads(short) == {"call_ids": "nine_alphanumeric"}
    assert Profile.from_json(short) == Profile.from_json(whole) == profile
