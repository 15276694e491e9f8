"""The agent's own model: a Chat Completions endpoint, asked as a stream, every call under the conversation's name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from narrows.core.sse import EventStreamDecoder
from narrows.upstream.calling import Caller
from narrows.upstream.pool import Pool
from narrows.upstream.target import parse_target
from narrows.upstream.tls import client_context

CONNECT_TIMEOUT_S = 10.0
SESSION_FIELD = "x-session-id"


class ModelFailed(Exception):
    """The model did not answer, or not to the end; the text is its server's, where there is one."""


@dataclass(slots=True)
class Said:
    """What a model has said so far. The figures are None where its server gives none."""

    text: str = ""
    finish: str = ""
    usage: Mapping[str, Any] = field(default_factory=dict)


class Model:
    """A model at a base URL such as http://127.0.0.1:8787/v1. `small`: the name of the one for ends of the agent's
    own."""

    def __init__(self, base_url: str, name: str, key: str, *, small: str = "") -> None:
        target = parse_target(base_url)
        self._pool = Pool(target, client_context("") if target.tls else None, CONNECT_TIMEOUT_S)
        self._caller = Caller(self._pool)
        self._name = name
        self._key = key
        self._small = small or name

    def elsewhere(self, base_url: str, key: str) -> Model:
        """The same model at another base URL; an empty key is this one's.

        Raises:
            SettingsError: it is no URL.
        """
        return Model(base_url, self._name, key or self._key, small=self._small)

    async def ask(
        self, messages: Sequence[Mapping[str, object]], session: str, *, small: bool = False
    ) -> AsyncIterator[Said]:
        """What it says to these messages, each time there is more of it; `small`: the one for other ends is asked.

        Raises:
            ModelFailed: its server refuses, or breaks off.
            UpstreamError: it cannot be reached.
        """
        name = self._small if small else self._name
        options = {"stream": True, "stream_options": {"include_usage": True}}
        body = msgspec.json.encode({"model": name, "messages": messages, **options})
        fields = [("Content-Type", "application/json"), (SESSION_FIELD, session), ("Accept-Encoding", "identity")]
        if self._key:
            fields.append(("Authorization", f"Bearer {self._key}"))
        said = Said()
        events = EventStreamDecoder()
        async with self._caller.asked("POST", "/chat/completions", fields, body) as (status, pieces):
            if status != 200:
                words = b"".join([piece async for piece in pieces])
                raise ModelFailed(f"the model's server answered {status}: {words[:500].decode(errors='replace')}")
            async for piece in pieces:
                for event in events.receive_data(piece):
                    if event.data != b"[DONE]":
                        _read(msgspec.json.decode(event.data), said)
                        yield said
        if not said.finish:
            raise ModelFailed("the model's answer broke off")

    def close(self) -> None:
        """Close its connections."""
        self._pool.close()


def _read(chunk: Mapping[str, Any], said: Said) -> None:
    if "error" in chunk:
        raise ModelFailed(str(chunk["error"]))
    for choice in chunk.get("choices") or ():
        said.text += (choice.get("delta") or {}).get("content") or ""
        said.finish = choice.get("finish_reason") or said.finish
    said.usage = chunk.get("usage") or said.usage
