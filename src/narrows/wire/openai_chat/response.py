"""Observes answers of the chat-completions format: event streams, whole completions, and error bodies.

Every rule of a dialect is one of first-wins or last-wins, so the record does not depend on how the bytes were cut
(law 5). A stream is over at `[DONE]`, after which clients read nothing, and so nothing is read here.
"""

from __future__ import annotations

from narrows.core.sse import ServerSentEvent
from narrows.wire.answers import AnswerObserver, Tally, name_of
from narrows.wire.openai_chat.assembly import ChoiceParts
from narrows.wire.openai_chat.chunks import Chunk, error_name, parse, read_usage
from narrows.wire.types import ResponseObserver, ResponseRecord

MAX_CHOICES = 128


def observer(content_type: str, texts: bool = True) -> ResponseObserver:
    """An observer for one answer with this Content-Type (empty: none was sent)."""
    return AnswerObserver(ChatAnswer(texts=texts), content_type)


class ChatAnswer:
    """Everything known of the answer so far."""

    def __init__(self, *, texts: bool = True) -> None:
        self.tally = Tally(texts=texts)
        self._choices: dict[int, ChoiceParts] = {}

    def take_event(self, event: ServerSentEvent) -> None:
        """A chunk, an error, or the end."""
        tally = self.tally
        if event.data.startswith(b"[DONE]"):
            tally.done = True
            return
        chunk = parse(event.data)
        if chunk is None:
            tally.unparsed += 1
            return
        is_error = chunk.error is not None or event.event == "error"
        if is_error:
            tally.failed(error_name(chunk))
        if chunk.choices or not is_error:
            tally.chunks += 1
            self._add(chunk)

    def take_body(self, body: bytes) -> None:
        """A completion or an error."""
        chunk = parse(body)
        if chunk is None:
            self.tally.unparsed += 1
        elif chunk.error is not None:
            self.tally.failed(error_name(chunk))
        else:
            self._add(chunk)
            self.tally.done = True

    def _add(self, chunk: Chunk) -> None:
        self.tally.named(chunk.id, chunk.model)
        if chunk.usage is not None or chunk.x_groq is not None:
            self.tally.used(read_usage(chunk))
        for position, choice in enumerate(chunk.choices or ()):
            parts = self._choice(choice.index if isinstance(choice.index, int) else position)
            if choice.delta is not None:
                parts.add(choice.delta)
            elif choice.message is not None and parts.is_empty:
                parts.add(choice.message)
            if choice.finish_reason:
                parts.finish_reason = name_of(choice.finish_reason) or parts.finish_reason

    def _choice(self, index: int) -> ChoiceParts:
        parts = self._choices.get(index)
        if parts is None:
            parts = ChoiceParts(index, self.tally.budget)
            if len(self._choices) < MAX_CHOICES:
                self._choices[index] = parts
            else:
                self.tally.budget.spent = True
        return parts

    def record(self) -> ResponseRecord:
        """The record of what has come so far."""
        return self.tally.record([self._choices[index].build() for index in sorted(self._choices)])
