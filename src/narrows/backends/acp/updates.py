"""From an agent's updates to the answer as it stands.

Text comes in pieces that are to be joined as they are. A tool's call, other reasoning, or another message begins
another step, so that what was said before a tool and after it are two texts. Everything else that an agent shows (its
plan, its commands, its modes) is no part of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from narrows.agents.observation import Finish, StepText, Usage

MAX_TOOLS: Final = 10_000
MAX_NAME_CHARS: Final = 1000
"""Of what an agent calls a session or a tool's call; calls are told apart by so many of them."""
_MAX_COUNT: Final = 2**53
Json = Mapping[str, Any]

FINISHES: Final[Mapping[str, Finish]] = {
    "end_turn": Finish.STOP,
    "max_tokens": Finish.LENGTH,
    "max_turn_requests": Finish.LENGTH,
    "refusal": Finish.CONTENT_FILTER,
}
"""Why an agent stops, as Chat Completions says it. What is not here is no end of an answer."""


class AnswerReader:
    """The answer of one turn. `size`: how many characters were said and thought."""

    def __init__(self) -> None:
        self._index = 0
        self._text = ""
        self._thought = ""
        self._message = ""
        self._texts: list[StepText] = []
        self._thoughts: list[StepText] = []
        self._open: set[str] = set()
        self.size = 0

    @property
    def texts(self) -> tuple[StepText, ...]:
        """Every step's text so far."""
        return (*self._texts, StepText(self._index, self._text, False)) if self._text else tuple(self._texts)

    @property
    def thoughts(self) -> tuple[StepText, ...]:
        """Every step's reasoning so far."""
        return (
            (*self._thoughts, StepText(self._index, self._thought, False)) if self._thought else tuple(self._thoughts)
        )

    @property
    def using_tool(self) -> bool:
        """Whether a call is under way."""
        return bool(self._open)

    def take(self, update: Json) -> bool:
        """Take an update; whether it is news of the answer or of the agent's work on it."""
        match update.get("sessionUpdate"):
            case "agent_message_chunk":
                return self._say(update)
            case "agent_thought_chunk":
                if self._text:
                    self._close()
                piece = text_of(update.get("content"))
                self._thought += piece
                self.size += len(piece)
                return bool(piece)
            case "tool_call":
                self._close()
                self._tool(update, str(update.get("status") or "pending"))
                return True
            case "tool_call_update":
                self._tool(update, str(update.get("status") or ""))
                return True
            case _:
                return False

    def _say(self, update: Json) -> bool:
        message = str(update.get("messageId") or "")
        if message and self._message and message != self._message and self._text:
            self._close()
        self._message = message or self._message
        piece = text_of(update.get("content"))
        self._text += piece
        self.size += len(piece)
        return bool(piece)

    def _tool(self, update: Json, status: str) -> None:
        name = str(update.get("toolCallId"))[:MAX_NAME_CHARS]
        if status in {"completed", "failed"}:
            self._open.discard(name)
        elif status and len(self._open) < MAX_TOOLS:
            self._open.add(name)

    def _close(self) -> None:
        """The step is over."""
        if self._text:
            self._texts.append(StepText(self._index, self._text, True))
        if self._thought:
            self._thoughts.append(StepText(self._index, self._thought, True))
        if self._text or self._thought:
            self._index += 1
        self._text = self._thought = ""


def text_of(content: object) -> str:
    """The text of a block of content; empty where it is none."""
    if isinstance(content, Mapping) and content.get("type") == "text" and isinstance(content.get("text"), str):
        return str(content["text"])
    return ""


def idle_reason(update: Json) -> str | None:
    """Version 2 of the protocol says by an update that a turn is over, and why; None where this says nothing of it."""
    if update.get("sessionUpdate") != "state_update":
        return None
    state = update.get("state")
    inner: Json = state if isinstance(state, Mapping) else update
    if (inner.get("type") or inner.get("state") or state) != "idle":
        return None
    return str(inner.get("stopReason") or update.get("stopReason") or "end_turn")


def usage_of(result: Json) -> Usage | None:
    """What a turn used, where its result says it: in the protocol's own field, or as Gemini CLI does."""
    said = result.get("usage")
    if isinstance(said, Mapping):
        return _usage(said, "inputTokens", "outputTokens", "cachedReadTokens", "thoughtTokens")
    meta = result.get("_meta")
    quota = meta.get("quota") if isinstance(meta, Mapping) else None
    count = quota.get("token_count") if isinstance(quota, Mapping) else None
    if isinstance(count, Mapping):
        return _usage(count, "input_tokens", "output_tokens", "cached_tokens", "thought_tokens")
    return None


def _usage(said: Json, *names: str) -> Usage | None:
    found = [_whole(said.get(name)) for name in names]
    return None if found[0] is None and found[1] is None else Usage(*found)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT else None
