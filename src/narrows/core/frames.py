"""The lines that an agent's harness puts around a command's output: a head with exit status and times, a prompt below.

What a tool printed then stands inside a frame, where no grammar would explain the whole text; so the frame is taken
off, the text inside is decided on its own, and the frame is put back as it was. Frames are closed forms of known
harnesses, each matched to the letter at the very beginning and end of a text.

Some agents send the output as a user's message. A frame that no person types (a prompt, tags with a return code) makes
such a text a tool's; a mere heading does not: inside it only text that a strict grammar explains whole is shortened, as
in any user's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_FRAME_CHARACTERS = 4096
"""Of a head or a tail; a longer one is none."""


@dataclass(frozen=True, slots=True)
class Framed:
    """A text in three pieces, which joined are the text. `sure`: the frame alone proves that a tool printed it.
    `edits_by_text`: the harness's edits name lines by what they say, not by number."""

    before: str
    inside: str
    after: str
    sure: bool
    edits_by_text: bool = False


@dataclass(frozen=True, slots=True)
class _Frame:
    """`spoken`: agents send this one as user text. The others as in `Framed`."""

    head: re.Pattern[str]
    tail: re.Pattern[str] | None
    spoken: bool = False
    sure: bool = True
    edits_by_text: bool = False


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_STATUS = r"(?:Error: .*\n|Exit Code: .*\n|Signal: .*\n|Background PIDs: .*\n|Process Group PGID: .*(?:\n|\Z))"

_FRAMES = (
    # Codex: exec_command and its older shell tool
    _Frame(
        _compiled(
            r"(?:Chunk ID: \w+\n)?(?:Exit code: -?\d+\n)?Wall time: [\d.]+ seconds\n"
            r"(?:Process (?:exited with code -?\d+|running with session ID \d+)\n)?"
            r"(?:Original token count: \d+\n)?(?:Total output lines: \d+\n)?Output:\n"
        ),
        None,
        edits_by_text=True,
    ),
    # Gemini CLI: run_shell_command, today's and the older form
    _Frame(
        _compiled(r"<untrusted_context>\nOutput: "),
        _compiled(r"\n" + _STATUS + r"*</untrusted_context>\n?\Z"),
        edits_by_text=True,
    ),
    _Frame(
        _compiled(r"Command: .*\nDirectory: .*\n(?:Output|Stdout): "),
        _compiled(r"\n" + _STATUS + r"+\Z"),
        edits_by_text=True,
    ),
    # SWE-agent: the prompt below an observation, and its heading of later versions
    _Frame(
        _compiled(r"(?:OBSERVATION:\n)?"),
        _compiled(
            r"\n(?:\(Open file: .*\)\n)?\(Current directory: .*\)\n(?:\(Interactive session: .*\)\n)?bash-\$\s?\Z"
        ),
        spoken=True,
    ),
    _Frame(_compiled(r"OBSERVATION:\n"), None, spoken=True, sure=False),
    # mini-swe-agent
    _Frame(_compiled(r"<returncode>-?\d+</returncode>\n<output>\n?"), _compiled(r"\n?</output>\s?\Z"), spoken=True),
    # smolagents
    _Frame(
        _compiled(r"(?:Call id: \S+\n)?Observation:\nExecution logs:\n"),
        _compiled(r"\nLast output from code snippet:\n[^\n]*\n?\Z"),
        spoken=True,
    ),
    _Frame(_compiled(r"(?:Call id: \S+\n)?Observation:\n"), None, spoken=True, sure=False),
    # OpenHands
    _Frame(
        _compiled(r"(?:EXECUTION RESULT of \[[^\]\n]*\]:\n)?"),
        _compiled(
            r"\n\[The command completed with exit code -?\d+\.\](?:\n\[(?:Current working directory|Python interpreter|"
            r"Command finished with exit code)[^\n]*\])*\s?\Z"
        ),
        spoken=True,
    ),
)


def framed(text: str, *, spoken: bool = False) -> Framed | None:
    """The text taken out of its frame; None where it has none. `spoken`: it came as a user's message, so only frames
    that are sent so count."""
    head_of, tail_of = text[:MAX_FRAME_CHARACTERS], text[-MAX_FRAME_CHARACTERS:]
    for frame in _FRAMES:
        if spoken and not frame.spoken:
            continue
        head = frame.head.match(head_of)
        tail = frame.tail.search(tail_of) if frame.tail and head else None
        if head is None or (frame.tail and tail is None):
            continue
        start, stop = head.end(), len(text) - (len(tail_of) - tail.start() if tail else 0)
        if start < stop:
            return Framed(text[:start], text[start:stop], text[stop:], frame.sure, frame.edits_by_text)
    return None


def put_back(frame: Framed, text: str) -> str:
    """The frame around another text, which begins on a line of its own."""
    return frame.before + ("" if frame.before.endswith("\n") or not frame.before else "\n") + text + frame.after


def taken_out(frame: Framed) -> str:
    """The text inside a frame that `put_back` made."""
    return frame.inside if frame.before.endswith("\n") or not frame.before else frame.inside.removeprefix("\n")
