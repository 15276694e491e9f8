"""Scripts: what the reference server does in answer to the next messages, in place of asking its model and no more.

A script is a JSON object. `turns` are taken one a message, in order; a message without one is answered by the model.
A turn has `do`, a list of acts:

    {"act": "model"}                        ask the model; its answer grows in one step
    {"act": "text", "texts": [...]}         a step whose text is each of these in turn; it may shrink, or change.
                                            "modified": a rewrite, "stop": its stop reason,
                                            "thinking": what is reasoned before it
    {"act": "tool", "type": "RUN_COMMAND"}  a step of other work
    {"act": "wait", "type": "RUN_COMMAND"}  a step that waits for a person
    {"act": "error", "message": ..., "code": 429}
    {"act": "summary"}                      a model call of the agent's own, in a CHECKPOINT step
    {"act": "pause", "s": 0.5}              nothing happens
    {"act": "hang"}                         nothing happens any more
    {"act": "intrude", "text": ...}         somebody else's message, after which the run ends
    {"act": "restart", "keep": true}        the server is a new instance, with or without its conversations

and beside it `pace_s` between two texts, `idle_s` before the run shows, and `send`: `at_once`, or `blocking`, which
answers when the run has ended. Beside `turns`, `page_size` bounds a page of steps, and `failures` lists calls that are
refused: `{"method": ..., "code": ..., "message": ..., "times": 1}`.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

DEFAULT_TYPE = "RUN_COMMAND"
STOP = "STOP_REASON_STOP_PATTERN"


class Sending(StrEnum):
    """When a message's call is answered."""

    AT_ONCE = "at_once"
    BLOCKING = "blocking"


class Act(StrEnum):
    """What can be done."""

    MODEL = "model"
    TEXT = "text"
    TOOL = "tool"
    WAIT = "wait"
    ERROR = "error"
    SUMMARY = "summary"
    PAUSE = "pause"
    HANG = "hang"
    INTRUDE = "intrude"
    RESTART = "restart"


class Doing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One act, with what it takes."""

    act: Act
    texts: tuple[str, ...] = ()
    modified: str = ""
    thinking: str = ""
    stop: str = STOP
    type: str = DEFAULT_TYPE
    message: str = ""
    code: int = 0
    s: float = 0.0
    text: str = ""
    keep: bool = True


class TurnScript(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What is done in answer to one message."""

    do: tuple[Doing, ...] = (Doing(Act.MODEL),)
    pace_s: float = 0.02
    idle_s: float = 0.0
    send: Sending = Sending.AT_ONCE


class Refused(msgspec.Struct, forbid_unknown_fields=True):
    """Calls that are refused; `times` counts down."""

    method: str
    code: str
    message: str = ""
    times: int = 1


class Script(msgspec.Struct, forbid_unknown_fields=True):
    """A whole script."""

    turns: list[TurnScript] = []
    failures: list[Refused] = []
    page_size: int = 100


def read_script(data: bytes) -> Script:
    """A script out of its JSON.

    Raises:
        ValueError: it is none; the text says where.
    """
    try:
        return msgspec.json.decode(data, type=Script)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is no script: {error}") from None
