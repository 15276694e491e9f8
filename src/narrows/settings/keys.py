"""Gateway keys: how they look, how they are kept, and the `[keys]` table of the TOML file.

A key is 256 random bits behind a prefix, and what is kept of it is its plain SHA-256. A slow or salted hash protects
what people choose, because that can be guessed; nobody can guess 256 bits, so it would only make each request dearer.
The reading insists on the form that `narrows key new` prints, so that nobody's password can be a key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

KEY_PREFIX = "nrw_"
"""By which people and secret scanners know one."""
KEY_BYTES = 32
HASH_PREFIX = "sha256:"

_KEY = re.compile(rb"nrw_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_HASH = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)
_HASH_FIELD = "hash"
_MISPLACED = "; settings that are not keys stand above the first table of the file"


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """What one key may use; 0 is no limit, None is the gateway's own setting for all keys."""

    max_in_flight: int | None = None
    requests_per_minute: int | None = None
    body_bytes_per_minute: int | None = None

    def over(self, defaults: KeyLimits) -> KeyLimits:
        """These limits, and the defaults where they say nothing."""
        given = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) is not None}
        return replace(defaults, **given)


@dataclass(frozen=True, slots=True)
class GatewayKey:
    """A key by name; `digest` is the SHA-256 of the key itself, which is nowhere kept."""

    name: str
    digest: bytes
    limits: KeyLimits = KeyLimits()


def key_digest(key: bytes) -> bytes | None:
    """The digest of a key, or None for what has not the form of one."""
    return hashlib.sha256(key).digest() if _KEY.fullmatch(key) else None


def key_line(name: str, key: str) -> str:
    """The line for `[keys]` that lets `key` in under `name`.

    Raises:
        ValueError: `name` is no name for a key.
    """
    _check_name(name)
    digest = key_digest(key.encode())
    assert digest is not None
    written = f'"{name}"' if "." in name else name
    return f'{written} = "{HASH_PREFIX}{digest.hex()}"'


def read_keys(table: object) -> tuple[GatewayKey, ...]:
    """The keys of a `[keys]` table.

    Raises:
        ValueError: with everything that is wrong with it; no hash is repeated.
    """
    if not isinstance(table, Mapping):
        raise ValueError('needs a table: [keys] and below it lines such as alice = "sha256:..."')
    found: list[GatewayKey] = []
    problems: list[str] = []
    for name, entry in table.items():
        try:
            found.append(_read_key(str(name), entry))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    digests = [key.digest for key in found]
    problems += [f"{key.name}: another name has the same key" for key in found if digests.count(key.digest) > 1]
    if problems:
        raise ValueError("; ".join(problems))
    return tuple(found)


def show_keys(keys: tuple[GatewayKey, ...]) -> str:
    """The names alone."""
    return ", ".join(key.name for key in keys)


def _read_key(name: str, entry: object) -> GatewayKey:
    if isinstance(entry, Mapping):
        known = {_HASH_FIELD, *(one.name for one in fields(KeyLimits))}
        unknown = sorted(str(word) for word in entry if word not in known)
        if unknown:
            raise ValueError(f"there is no {', '.join(unknown)}; known are {', '.join(sorted(known))}")
        limits = KeyLimits(**{word: _limit(word, value) for word, value in entry.items() if word != _HASH_FIELD})
        return replace(_read_key(name, entry.get(_HASH_FIELD)), limits=limits)
    hashed = _HASH.fullmatch(entry) if isinstance(entry, str) else None
    if hashed is None:
        raise ValueError(f'needs "sha256:" and 64 hexadecimal digits, as `narrows key new` prints it{_MISPLACED}')
    _check_name(name)
    return GatewayKey(name, bytes.fromhex(hashed[1]))


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError("a key's name needs 1 to 64 letters, digits, dots, dashes or underscores")


def _limit(word: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**18:
        raise ValueError(f"{word} needs a whole number of 0 (no limit) or more")
    return value
