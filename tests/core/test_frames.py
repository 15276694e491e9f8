from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.frames import framed, put_back, taken_out

CODEX = "Chunk ID: 84673d\nWall time: 0.0000 seconds\nProcess exited with code 0\nOriginal token count: 898\nOutput:\n"
OLD_CODEX = "Exit code: 1\nWall time: 12.5 seconds\nTotal output lines: 4000\nOutput:\n"
GEMINI = ("<untrusted_context>\nOutput: ", "\nExit Code: 1\nProcess Group PGID: 5859\n</untrusted_context>")
OLD_GEMINI = (
    "Command: make -j8\nDirectory: (root)\nOutput: ",
    "\nError: (none)\nExit Code: 0\nSignal: (none)\nBackground PIDs: (none)\nProcess Group PGID: 123",
)
SWE = ("", "\n(Open file: /testbed/a.py)\n(Current directory: /testbed)\nbash-$")
SWE_SESSION = ("OBSERVATION:\n", "\n(Current directory: /)\n(Interactive session: n/a)\nbash-$ ")
MINI = ("<returncode>1</returncode>\n<output>\n", "\n</output>")
SMOL = ("Call id: call_1\nObservation:\nExecution logs:\n", "\nLast output from code snippet:\nNone")
HANDS = (
    "EXECUTION RESULT of [run]:\n",
    "\n[The command completed with exit code 0.]\n[Current working directory: /w]\n[Command finished with exit code 0]",
)
FRAMES = ((CODEX, ""), (OLD_CODEX, ""), GEMINI, OLD_GEMINI, SWE, SWE_SESSION, MINI, SMOL, HANDS)
SPOKEN = (SWE, SWE_SESSION, MINI, SMOL, HANDS)

texts = st.text("abc \n[]{}:", min_size=1, max_size=40).map(lambda text: text.strip("\n") or "x")


@pytest.mark.parametrize(("before", "after"), FRAMES)
@given(text=texts)
def test_a_frame_comes_off_and_goes_back(before: str, after: str, text: str) -> None:
    frame = framed(before + text + after)
    assert frame is not None
    assert (frame.before, frame.inside, frame.after, frame.sure) == (before, text, after, True)
    assert frame.before + frame.inside + frame.after == before + text + after


@pytest.mark.parametrize(("before", "after"), FRAMES)
@given(text=texts)
def test_another_text_in_it_is_found_again(before: str, after: str, text: str) -> None:
    frame = framed(before + text + after)
    assert frame is not None
    other = framed(put_back(frame, "[narrows: 9 lines left out]\nlast"))
    assert other is not None
    assert taken_out(other) == "[narrows: 9 lines left out]\nlast"
    assert (other.before, other.after) == (frame.before, frame.after)
    assert "\n[narrows: " in "\n" + put_back(frame, "[narrows: 9 lines left out]\nlast")


@pytest.mark.parametrize(("before", "after"), FRAMES)
def test_what_agents_send_as_user_text(before: str, after: str) -> None:
    assert (framed(f"{before}some text{after}", spoken=True) is not None) is ((before, after) in SPOKEN)


@pytest.mark.parametrize("heading", ["OBSERVATION:\n", "Observation:\n"])
def test_a_mere_heading_proves_nothing(heading: str) -> None:
    frame = framed(f"{heading}I saw two errors.", spoken=True)
    assert frame is not None
    assert not frame.sure


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain words",
        CODEX,
        "bash-$",
        "I typed bash-$ and then\nbash-$",
        "(Current directory: /testbed)\nbash-$",
        "<output>\nx\n</output>",
        "Output:\nx",
        "Wall time: a while\nOutput:\nx",
        "see: " + CODEX + "x",
        "x" * 5_000 + "\n(Current directory: " + "y" * 5_000 + ")\nbash-$",
        "Observation: the build fails",
    ],
)
def test_what_is_no_frame(text: str) -> None:
    assert framed(text) is None


@pytest.mark.parametrize(("before", "after"), FRAMES)
def test_harnesses_whose_edits_go_by_text(before: str, after: str) -> None:
    frame = framed(f"{before}text{after}")
    assert frame is not None
    assert frame.edits_by_text is ((before, after) in ((CODEX, ""), (OLD_CODEX, ""), GEMINI, OLD_GEMINI))
