"""Reads the messages of a LangGraph thread: as a run streams them, and as the thread's state holds them in the end.

The stream's mode is `messages-tuple`: each event is a message and where it comes from. A message of type
`AIMessageChunk` is a piece of the one with its id; one of any other type is whole. The state is the truth: when a run
has ended, the texts are those of the state's messages, in its order, and what was streamed decides only under which
index a text goes on. A model call of the graph whose message never comes into the state is no part of the answer.

A content is a text, or a list of parts of which those of type `text` count. Reasoning is never a part of it: it stands
in parts of its own, or beside the content, in one of the forms that LangChain's models have for it. A message is over
where its last chunk says so, or a call of it has its output; the next one's text can be shown from then on. Arguments
of a call are the pieces that the model wrote, where they were streamed; the state has them parsed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from narrows.agents.observation import AgentCall, Finish, StepText, Usage

Json = Mapping[str, Any]
_CHUNK: Final = "AIMessageChunk"
_SAYS: Final = frozenset({"ai", _CHUNK})


def text_of(message: Json) -> str:
    """A message's text."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(
        part if isinstance(part, str) else str(part.get("text") or "")
        for part in parts
        if isinstance(part, str) or (isinstance(part, Mapping) and part.get("type") in {"text", "text_delta"})
    )


def reasoning_of(message: Json) -> str:
    """What the model reasoned before it: by parts of the content, or else in the field that servers of Chat Completions
    have beside it."""
    content, beside = message.get("content"), message.get("additional_kwargs")
    said = (
        "".join(_reasoned(part) for part in content if isinstance(part, Mapping)) if isinstance(content, list) else ""
    )
    plain = beside.get("reasoning_content") if isinstance(beside, Mapping) else None
    return said or (plain if isinstance(plain, str) else "")


def _reasoned(part: Json) -> str:
    """The reasoning of one part: as Anthropic's models have it, as LangChain's standard and OpenAI's Responses do, and
    as Bedrock's do."""
    inside, summary = part.get("reasoning_content"), part.get("summary")
    match part.get("type"):
        case "thinking":
            return str(part.get("thinking") or "")
        case "reasoning" if isinstance(summary, list):
            return "".join(str(one.get("text") or "") for one in summary if isinstance(one, Mapping))
        case "reasoning":
            return str(part.get("reasoning") or "")
        case "reasoning_content" if isinstance(inside, Mapping):
            return str(inside.get("text") or "")
        case _:
            return ""


def calls_of(message: Json) -> list[Json]:
    """The calls of a message whose arguments could be parsed."""
    return [call for call in message.get("tool_calls") or () if isinstance(call, Mapping)]


def messages_of(state: Json) -> list[Json]:
    """The messages in a thread's state."""
    values = state.get("values")
    listed = values.get("messages") if isinstance(values, Mapping) else None
    return [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []


def after(messages: Sequence[Json], mark: str) -> list[Json] | None:
    """The messages after the one of this id; None where there is none."""
    for place in range(len(messages) - 1, -1, -1):
        if messages[place].get("id") == mark:
            return list(messages[place + 1 :])
    return None


def pending(messages: Sequence[Json]) -> tuple[Json, list[Json]]:
    """The newest message with calls, and those of its calls that have no output yet; empty where there is none."""
    answered: set[object] = set()
    for message in reversed(messages):
        if message.get("type") == "tool":
            answered.add(message.get("tool_call_id"))
            continue
        if message.get("type") in _SAYS:
            return message, [call for call in calls_of(message) if call.get("id") not in answered]
        break
    return {}, []


def answered_last(messages: Sequence[Json]) -> set[object]:
    """The calls whose outputs are the newest messages."""
    found: set[object] = set()
    for message in reversed(messages):
        if message.get("type") != "tool":
            break
        found.add(message.get("tool_call_id"))
    return found


def usage_of(messages: Iterable[Json]) -> Usage | None:
    """The sum over the model's messages; not known where one of them does not say."""
    figures: list[tuple[object, ...]] = []
    for message in messages:
        if message.get("type") not in _SAYS:
            continue
        said = message.get("usage_metadata")
        if not isinstance(said, Mapping):
            return None
        inside, outside = said.get("input_token_details") or {}, said.get("output_token_details") or {}
        figures.append(
            (said.get("input_tokens"), said.get("output_tokens"), inside.get("cache_read"), outside.get("reasoning"))
        )
    return Usage(*map(_sum, zip(*figures, strict=True))) if figures else None


def _sum(figures: Iterable[object]) -> int | None:
    total = 0
    for figure in figures:
        if not isinstance(figure, int):
            return None
        total += figure
    return total


def finish_of(messages: Sequence[Json]) -> Finish:
    """Why the last of the model's messages ended."""
    last = next((one for one in reversed(messages) if one.get("type") in _SAYS), {})
    about = last.get("response_metadata") or {}
    reason = about.get("finish_reason") or about.get("stop_reason") if isinstance(about, Mapping) else None
    return Finish.LENGTH if reason in {"length", "max_tokens", "MAX_TOKENS"} else Finish.STOP


@dataclass(slots=True)
class _Said:
    """A message of the model: its place in the answer, and what it says, and reasons, by now."""

    index: int
    text: str = ""
    thought: str = ""
    over: bool = False


@dataclass(slots=True)
class AnswerReader:
    """Follows one answer. `using_tool`: the newest message calls a tool."""

    using_tool: bool = False
    _said: dict[str, _Said] = field(default_factory=dict)
    _settled: list[str] = field(default_factory=list)
    _arguments: dict[str, str] = field(default_factory=dict)
    _pieces: dict[tuple[str, object], str] = field(default_factory=dict)
    _callers: dict[object, str] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[StepText, ...]:
        """The answer by now."""
        return tuple(StepText(said.index, said.text, said.over) for said in self._ordered())

    @property
    def thoughts(self) -> tuple[StepText, ...]:
        """What the model reasoned by now."""
        return tuple(StepText(said.index, said.thought, said.over) for said in self._ordered() if said.thought)

    def _ordered(self) -> list[_Said]:
        return sorted(self._said.values(), key=lambda said: said.index)

    def stream(self, message: Json) -> bool:
        """Take a streamed message; whether it says anything new."""
        kind, name = message.get("type"), str(message.get("id") or "")
        if kind not in _SAYS:
            return kind == "tool" and self._tool_answered(message)
        if name in self._settled:
            return False  # what a resumed run streams again of what is over
        new = name not in self._said
        calls = calls_of(message) or message.get("tool_call_chunks")
        if new and kind == _CHUNK and not (calls or text_of(message) or reasoning_of(message)):
            return False  # what goes on under another name, as answers in the Responses format do
        said = self._said.setdefault(name, _Said(self._next_index()))
        before = (said.text, said.thought, said.over, self.using_tool)
        if kind == _CHUNK:
            said.text += text_of(message)
            said.thought += reasoning_of(message)
            said.over = said.over or message.get("chunk_position") == "last"
            self._collect(name, message)
        else:
            said.text, said.thought = text_of(message), reasoning_of(message)
        self._callers.update((call.get("id"), name) for call in calls_of(message) if call.get("id"))
        self.using_tool = bool(calls) or (self.using_tool and not new)
        return new or before != (said.text, said.thought, said.over, self.using_tool)

    def _tool_answered(self, message: Json) -> bool:
        """A tool's output has come: the message that called it is over."""
        said = self._said.get(self._callers.get(message.get("tool_call_id"), ""))
        changed = self.using_tool or (said is not None and not said.over)
        self.using_tool = False
        if said is not None:
            said.over = True
        return changed

    def settle(self, messages: Sequence[Json]) -> None:
        """Take the messages of an answer as the state has them, which is how they stay."""
        known, self._said = self._said, {}
        free = max((said.index for said in known.values()), default=-1) + 1
        for message in messages:
            if message.get("type") not in _SAYS:
                continue
            name, text, thought = str(message.get("id") or ""), text_of(message), reasoning_of(message)
            said = known.pop(name, None) or self._same(known, text, thought) or _Said(free)
            free = max(free, said.index + 1)
            self._said[name] = _Said(said.index, text, thought, over=True)
        self._settled = list(self._said)
        self.using_tool = False

    def call(self, call: Json) -> AgentCall:
        """A call as the client gets it."""
        name, arguments = str(call.get("id") or ""), call.get("args")
        written = self._arguments.get(name, "")
        try:
            same = msgspec.json.decode(written) == arguments
        except (msgspec.DecodeError, RecursionError):
            same = False
        return AgentCall(
            name, str(call.get("name") or ""), written if same else msgspec.json.encode(arguments or {}).decode()
        )

    def _collect(self, name: str, message: Json) -> None:
        """Gather the arguments that a chunk has of calls; only the first piece of a call has the call's id."""
        for piece in message.get("tool_call_chunks") or ():
            if not isinstance(piece, Mapping):
                continue
            place = (name, piece.get("index"))
            if piece.get("id"):
                self._pieces[place] = str(piece["id"])
                self._callers[piece["id"]] = name
            call = self._pieces.get(place, "")
            self._arguments[call] = self._arguments.get(call, "") + str(piece.get("args") or "")

    def _next_index(self) -> int:
        return max((said.index for said in self._said.values()), default=-1) + 1

    @staticmethod
    def _same(known: dict[str, _Said], text: str, thought: str) -> _Said | None:
        """A streamed message that the state has under another id."""
        same = (name for name, said in known.items() if (said.text, said.thought) == (text, thought) != ("", ""))
        name = next(same, None)
        return None if name is None else known.pop(name)
