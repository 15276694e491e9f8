"""A tool's output as one string of a JSON object is taken out, and put back into the same object."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.envelope import MOST_STRINGS, bare, opened

OUTPUT = 'first line\n\tsecond "line" \\ é\n\nfourth\n' * 5

BEFORE_AND_AFTER = (
    ('{"output": ', ', "metadata": {"exit_code": 0, "duration_seconds": 0.1}}'),
    ('{\n  "returncode": 1,\n  "output": ', "\n}"),
    ('{"content":[{"type":"text","text":', '}],"isError":false}\n'),
    ('{"stdout": ', ', "stderr": "", "stdout" : 1.0, "big": 1e5}'),
)
texts = st.text('ab \n"\\/<é\u2028\U0001f600', min_size=60).map(lambda text: text + "\n x" * 60)


@pytest.mark.parametrize(("before", "after"), BEFORE_AND_AFTER)
@given(text=texts, ascii_only=st.booleans(), other=texts)
def test_an_output_is_taken_out_and_another_put_back(
    before: str, after: str, text: str, ascii_only: bool, other: str
) -> None:
    envelope = opened(before + json.dumps(text, ensure_ascii=ascii_only) + after)
    assert envelope is not None
    assert (envelope.before, envelope.inside, envelope.after) == (before, text, after)
    changed = envelope.around(other)
    assert changed.startswith(before)
    assert changed.endswith(after)
    assert json.loads(changed[len(before) : len(changed) - len(after)]) == other


def test_the_escapes_of_the_object_are_kept() -> None:
    text = '{"output": ' + json.dumps(OUTPUT).replace("/", "\\/").replace("<", "\\u003C") + "}"
    envelope = opened(text)
    assert envelope is not None
    assert envelope.around(OUTPUT) == text
    assert envelope.around("é\n") == '{"output": "\\u00e9\\n"}'


@pytest.mark.parametrize(
    "text",
    [
        OUTPUT,
        json.dumps(OUTPUT),
        json.dumps([OUTPUT]),
        json.dumps({"output": "one line " * 60}),
        json.dumps({"output": OUTPUT, "more": OUTPUT[: len(OUTPUT) * 4 // 5]}),
        json.dumps({"output": json.dumps({"a": [1, 2, 3]}, indent=1) * 3}),
        json.dumps({OUTPUT: 1}),
        json.dumps({"output": OUTPUT} | {f"key {number}": "" for number in range(MOST_STRINGS)}),
        json.dumps({"output": OUTPUT})[:-1],
        json.dumps({"output": OUTPUT}) + "}",
        '{"output": "' + "a\\n" * 50 + '\\ud800"}',
        "{" + OUTPUT + "}",
        "",
    ],
)
def test_what_is_no_such_object(text: str) -> None:
    assert opened(text) is None
    assert bare(text) == text


def test_a_mark_inside_is_found_whatever_its_size() -> None:
    for inside in ("[narrows: 9 lines, all as in tool output 1]", "Output:\n[narrows: x]\nline"):
        text = json.dumps({"note": "a much longer string than the one with the mark in it " * 3, "output": inside})
        assert bare(text) == inside


@given(st.text('{}[]":\\n ,a', max_size=40))
def test_whatever_it_is_nothing_raises(text: str) -> None:
    envelope = opened(text)
    assert envelope is None or envelope.before + envelope.literal + envelope.after == text
