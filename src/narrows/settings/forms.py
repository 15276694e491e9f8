"""How the sorts of values are written, in flags, environment variables and TOML alike.

Every value arrives as text. A `Form` reads it or says, in words that fit behind "it ...", what it should have been.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from narrows.core.units import parse_duration_s, parse_size_bytes, show_duration, show_size
from narrows.settings.agents import read_agents, show_agents
from narrows.settings.keys import read_keys, show_keys

MAX_PROCESSES = 256
"""More than any machine gains from, and so few that a slip of the finger brings none down."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,6})?)(%)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Form:
    """How one sort of value is written: `read` takes its text and raises ValueError saying what it should be. A
    `structured` one takes a TOML value as it is."""

    metavar: str
    read: Callable[[Any], object]
    show: Callable[[Any], str] = str
    structured: bool = False


def _url(text: str) -> str:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise ValueError(f"not a URL ({error})") from None
    if url.scheme not in ("http", "https") or not url.hostname or port == 0:
        raise ValueError("needs http:// or https:// and a host, such as https://api.openai.com")
    if url.username is not None or url.password is not None:
        raise ValueError("must not hold a user name or password; clients send their key in the Authorization header")
    if "?" in text or "#" in text:
        raise ValueError("must not hold a query or a fragment; only scheme, host, port and a path")
    if not text.isascii() or any(character <= " " or character == "\x7f" for character in text):
        raise ValueError("must be plain ASCII without spaces")
    return text.rstrip("/")


def _proxy(text: str) -> str:
    if text in ("", "none"):
        return ""
    text = text if "://" in text else f"http://{text}"
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        raise ValueError("not a URL") from None
    if url.scheme != "http" or not url.hostname or port == 0:
        raise ValueError(
            "needs http://, a host and a port, such as http://proxy.example:3128; --upstream-proxy none goes without"
        )
    if url.path.strip("/") or "?" in text or "#" in text:
        raise ValueError("must not hold a path, a query or a fragment")
    if not text.isascii() or any(character <= " " or character == "\x7f" for character in text):
        raise ValueError("must be plain ASCII without spaces; write others in a user name or password as %20 and so on")
    return text.rstrip("/")


def _show_proxy(url: str) -> str:
    """The proxy without its user name and password."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if url else ""


def _variable(text: str) -> str:
    if not _VARIABLE.fullmatch(text):
        raise ValueError("needs the name of an environment variable, such as OPENAI_API_KEY, and not the key itself")
    return text


def upstream_key(text: str) -> str:
    """A key as a header can carry it.

    Raises:
        ValueError: it is empty, or holds blanks, control characters or what is not ASCII.
    """
    if not text or not text.isascii() or any(character <= " " or character == "\x7f" for character in text):
        raise ValueError("needs one key of plain ASCII, without spaces or further lines")
    return text


def _host(text: str) -> str:
    if not text or any(character <= " " or character in "/[]@" for character in text):
        raise ValueError("needs an address or a host name, such as 127.0.0.1 or ::1")
    return text


def _prefix(text: str) -> str:
    plain = text.isascii() and text.isprintable() and not set(text) & set(" ?#%\\") and "//" not in text
    if text and not (plain and text.startswith("/") and not text.endswith("/")):
        raise ValueError("needs a path that starts with / and does not end with one, such as /_gateway")
    return text


def _whole(minimum: int, maximum: int | None = None) -> Callable[[str], int]:
    bounds = f"of {minimum} or more" if maximum is None else f"from {minimum} to {maximum}"

    def read(text: str) -> int:
        plain = text.isascii() and text.isdigit() and len(text) <= 18
        if not plain or int(text) < minimum or (maximum is not None and int(text) > maximum):
            raise ValueError(f"needs a whole number {bounds}")
        return int(text)

    return read


def _tokens(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return _whole(0)(text)
    except ValueError as error:
        raise ValueError(f"{error}, or auto") from None


def _size(text: str) -> int:
    size_bytes = parse_size_bytes(text)
    if size_bytes == 0:
        raise ValueError("a size must be over 0")
    return size_bytes


def _duration(text: str) -> float:
    duration_s = parse_duration_s(text)
    if duration_s == 0:
        raise ValueError("a duration must be over 0")
    return duration_s


def _share(text: str) -> float:
    found = _SHARE.fullmatch(text)
    share = round(float(found[1]) / (100 if found[2] else 1), 6) if found else 1.0
    if share >= 1:
        raise ValueError("needs a share of 0 or more and under 1, such as 0.1 or 10%")
    return share


def _show_share(share: float) -> str:
    return f"{share:.6f}".rstrip("0").rstrip(".")


def _switch(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("needs true or false")


def one_of(choices: type[StrEnum]) -> Form:
    """The form of an enum's values."""
    words = tuple(choice.value for choice in choices)

    def read(text: str) -> StrEnum:
        if text not in words:
            raise ValueError(f"needs one of {', '.join(words)}")
        return choices(text)

    return Form("|".join(words), read)


FILE = Form("FILE", str)
URL = Form("URL", _url)
PROXY = Form("URL", _proxy, _show_proxy)
HOSTS = Form("HOSTS", str)
VARIABLE = Form("NAME", _variable)
KEY = Form("KEY", upstream_key)
KEYS = Form("TABLE", read_keys, show_keys, structured=True)
AGENTS = Form("TABLES", read_agents, show_agents, structured=True)
HOST = Form("HOST", _host)
PORT = Form("PORT", _whole(0, 65535))
PATH = Form("PATH", _prefix)
WHOLE = Form("N", _whole(0))
TOKENS = Form("auto|N", _tokens, lambda value: "auto" if value is None else str(value))
COUNT = Form("N", _whole(1))
PROCESSES = Form("N", _whole(1, MAX_PROCESSES))
SIZE = Form("SIZE", _size, show_size)
AMOUNT = Form("BYTES", parse_size_bytes, show_size)
DURATION = Form("TIME", _duration, show_duration)
SHARE = Form("SHARE", _share, _show_share)
SWITCH = Form("true|false", _switch, lambda value: "true" if value else "false")
