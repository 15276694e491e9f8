"""Who may use the gateway, and which key goes upstream.

A client shows its gateway key where it would show its provider's: in `Authorization`, `x-api-key`, `x-goog-api-key`,
`api-key` or the query's `key`; or in `x-narrows-key`, which leaves those to the provider's own key. What has shown a
gateway key is taken out of the request, unless the settings ask for it to be passed on. With an upstream key of the
settings, every credential of the client is taken out, and that key goes instead. A gateway that has such a key, or
agents, and asks clients for none lends them to its own machine alone, and so not to the web pages that are open there.

What is shown is hashed, and the hash compared with every key's, each in constant time, with no end before the last: the
time tells neither how much of a key was right nor whose it was. A key that was right before is found in a table, whose
look-up compares secretly seeded hashes of whole values first, and so tells nothing of a value that is not equal to one
in it. The table holds right keys alone, at most one entry for each.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from narrows.core.http1 import RequestHead
from narrows.errors import InvalidKey
from narrows.server.browsers import comes_from_another_site, names_another_host
from narrows.server.rates import Allowance
from narrows.settings import GatewayKey, KeyField, KeyLimits, Settings, is_loopback
from narrows.settings.keys import KEY_PREFIX, key_digest
from narrows.upstream.target import Target

KEY_FIELD = b"x-narrows-key"
_CREDENTIALS = frozenset({KEY_FIELD, b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key"})
_PREFIX = KEY_PREFIX.encode()
_BEARER = re.compile(rb"(?i:bearer)[ \t]++")
_DROP = {name: frozenset({KEY_FIELD, name}) for name in _CREDENTIALS}
_QUERY_NAME = b"key"
_QUERY_MARK = b"key="
_NOTHING: frozenset[bytes] = frozenset()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a key, and what it has used of its limits."""

    name: str
    allowance: Allowance


class Entry(NamedTuple):
    """A request that may come in. `holder` is None where nobody needs a key; `origin_form` its target without what
    must not go upstream, and `drop` the fields that must not."""

    holder: Holder | None
    origin_form: bytes
    drop: frozenset[bytes]


class Keyring:
    """The keys of a gateway. `upstream_line`: the field that carries the upstream's key, with its CRLF, or nothing.
    What holders of `before` have used counts on, where their limits are the same."""

    def __init__(self, settings: Settings, target: Target, now_s: float, before: Keyring | None = None) -> None:
        self.upstream_line = _upstream_line(settings, target)
        self._limits = {key.digest: (key.name, settings.limits_of(key)) for key in settings.keys}
        kept = {} if before is None else before.holders_under(self._limits)
        self._keys = tuple((key.digest, kept.get(key.digest) or _holder(settings, key, now_s)) for key in settings.keys)
        self._lends = not settings.keys and is_loopback(settings.host)
        self._forward = settings.forward_gateway_key
        self._known: dict[bytes, Holder] = {}

    def holders_under(self, limits: dict[bytes, tuple[str, KeyLimits]]) -> dict[bytes, Holder]:
        """The holders, by digest, who have the same name and limits there."""
        return {digest: holder for digest, holder in self._keys if self._limits[digest] == limits.get(digest)}

    def enter(self, head: RequestHead, origin_form: bytes, *, needs_key: bool = True) -> Entry:
        """Who sends this request, and what of it stays here. Without `needs_key` it may come in for another reason.

        Raises:
            InvalidKey: the gateway has keys, and it shows none of them; or it has none, and a web page asks.
        """
        if needs_key and self._lends and (names_another_host(head) or comes_from_another_site(head)):
            raise InvalidKey(
                "this gateway lends its upstream's key, or its agents, to programs on this machine; to a web page, or"
                " under a name that is not localhost, only for gateway keys: make one with `narrows key new NAME`"
            )
        query = origin_form.partition(b"?")[2] if _QUERY_MARK in origin_form else b""
        shown = [(name, holder) for name, value in shown_keys(head.fields) if (holder := self._holder_of(value))]
        holder = shown[0][1] if shown else next(filter(None, map(self._holder_of, _keys_in(query))), None)
        if holder is None and self._keys and needs_key:
            raise InvalidKey(
                "this gateway needs a key, and the request shows none that it knows: send the one that"
                " `narrows key new` printed as the API key (Authorization: Bearer, x-api-key, x-goog-api-key or"
                " x-narrows-key)"
            )
        if self._forward:
            return Entry(holder, origin_form, _NOTHING)
        if query:
            origin_form = self._without_keys(origin_form)
        if self.upstream_line:
            return Entry(holder, origin_form, _CREDENTIALS)
        return Entry(holder, origin_form, _DROP[shown[0][0]] if len(shown) == 1 else _names_of(shown))

    def named(self, name: str) -> Holder | None:
        """Who has the key of this name, if there is one."""
        return next((holder for _, holder in self._keys if holder.name == name), None)

    def _holder_of(self, value: bytes) -> Holder | None:
        known = self._known.get(value)
        if known is not None:
            return known
        digest = key_digest(value)
        if digest is None:
            return None
        found: Holder | None = None
        for key, holder in self._keys:
            if hmac.compare_digest(key, digest):
                found = holder
        if found is not None:
            self._known[value] = found
        return found

    def _without_keys(self, origin_form: bytes) -> bytes:
        """The target without gateway keys in its query, and without any key where the upstream is sent its own."""
        path, _, query = origin_form.partition(b"?")
        kept = [part for part in query.split(b"&") if not self._is_ours(part)]
        return path + b"?" + b"&".join(kept) if kept else path

    def _is_ours(self, part: bytes) -> bool:
        keys = _keys_in(part)
        return bool(keys) and (bool(self.upstream_line) or self._holder_of(keys[0]) is not None)


def _names_of(shown: list[tuple[bytes, Holder]]) -> frozenset[bytes]:
    return frozenset({KEY_FIELD, *(name for name, _ in shown)})


def shown_keys(fields: bytes) -> list[tuple[bytes, bytes]]:
    """The name, in lower case, and the value of every field that may show a key, without a `Bearer` before it. They are
    found by the prefix of keys, which is one search where looking for each name would be five."""
    found: list[tuple[bytes, bytes]] = []
    at = fields.find(_PREFIX)
    while at >= 0:
        end = fields.index(b"\r", at)
        name, _, value = fields[fields.rfind(b"\n", 0, at) + 1 : end].partition(b":")
        name = name.lower()
        if name in _CREDENTIALS:
            value = value.strip(b" \t")
            bearer = _BEARER.match(value)
            found.append((name, value[bearer.end() :] if bearer else value))
        at = fields.find(_PREFIX, end)
    return found


def keyring_for(settings: Settings, target: Target, now_s: float, before: Keyring | None = None) -> Keyring | None:
    """The keyring of these settings; None where clients need no key and nothing is lent to them."""
    needed = settings.keys or settings.upstream_key or settings.agents
    return Keyring(settings, target, now_s, before) if needed else None


def _keys_in(query: bytes) -> list[bytes]:
    parts = (part.partition(b"=") for part in query.split(b"&"))
    return [unquote_to_bytes(value) for name, equals, value in parts if equals and name == _QUERY_NAME]


def _holder(settings: Settings, key: GatewayKey, now_s: float) -> Holder:
    return Holder(key.name, Allowance(settings.limits_of(key), now_s))


def _upstream_line(settings: Settings, target: Target) -> bytes:
    if not settings.upstream_key:
        return b""
    chosen = settings.upstream_key_header
    name = _field_of(target) if chosen is KeyField.AUTO else chosen
    scheme = "Bearer " if name is KeyField.AUTHORIZATION else ""
    return f"{name.value}: {scheme}{settings.upstream_key}\r\n".encode()


def _field_of(target: Target) -> KeyField:
    """The header in which the providers' own servers expect a key; their servers of OpenAI's format take OpenAI's."""
    host = target.host.lower().rstrip(".")
    if host == "api.anthropic.com":
        return KeyField.X_API_KEY
    if host == "generativelanguage.googleapis.com" and b"/openai" not in target.base_path:
        return KeyField.X_GOOG_API_KEY
    if host.endswith((".openai.azure.com", ".cognitiveservices.azure.com")):
        return KeyField.API_KEY
    return KeyField.AUTHORIZATION
