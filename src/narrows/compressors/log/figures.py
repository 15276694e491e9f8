"""What only the digits of a line say.

Lines are judged without their digits (`classes`), so what these say is looked for here: the numbers of failed tests,
the severity of a network device or a syslog message, the status of a request. A status of 400 or more speaks of
trouble, and a server's (500 and more) is another sort of it than a client's, of which a public service answers
thousands.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from narrows.compressors.log.classes import Tone, holds_any

_DIGITS = b"0123456789"
_DEVICE = re.compile(r"%[A-Z][A-Z_]*-[A-Z_]*-?-?[A-Z]")
_SEVERITY = re.compile(r"%[A-Z][A-Z0-9_]*(?:-[A-Z0-9_]+)?-([0-4])-[A-Z0-9_]+: ")
"""A network device's facility, severity from 0 (emergency) to 4 (warning), and message name."""

_LEAST_SEVERE = 4
"""A warning; what is less severe says nothing."""
_PRIORITY = re.compile(r"<(\d{1,3})>")
"""Facility and severity, the latter being the remainder by eight, before a syslog message (RFC 5424)."""
_STATUS_SIGNS = (
    '"  ', "GET ", "POST ", "PUT ", "DELETE ", "PATCH ", "HEAD ", "OPTIONS ", "HTTP",
    "tatus", "Completed ", "Sent ", "responded ", "returned ", "|  |",
)  # fmt: skip
"""One of these stands in every line, without its digits, that `_STATUS` matches."""
_STATUS = re.compile(
    r'(?:"|\b(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)(?: [^\s\d]\S*)?(?: HTTP/[\d.]+)?"?|\bHTTP(?:/[\d.]+)?"?'
    r"|[Ss]tatus(?:[_ -]?[Cc]ode)?\\?\"?|\b(?:Completed|Sent|returned|responded(?: with)?)|\|)"
    r"(?:[ :=|>-]|\\?\"){1,4}([45])\d\d(?![\w.%])"
)

_TESTS_RUN = "Tests run: , Failures: , Errors: "
_SIGNED = re.compile(r"\[info\] +[-+]\d")
"""A number below a test's name, as ScalaTest reports a comparison; without digits it would be another test's name."""


def without_digits(lines: Sequence[str], source: Sequence[str]) -> list[str]:
    """The lines with their digits removed; "0" where nothing else is on the source's line, because it is not blank."""
    text = "\n".join(lines).encode(errors="surrogatepass").translate(None, _DIGITS)
    keys = text.decode(errors="surrogatepass").split("\n")
    if any(not key or key.isspace() for key in set(keys)):
        for number, key in enumerate(keys):
            if (not key or key.isspace()) and source[number].strip():
                keys[number] = "0"
    return keys


def settle(lines: Sequence[str], keys: list[str]) -> None:
    """Put into words, in a line's key, what without its digits would say something else: the verdict on a class of
    tests as surefire reports it, and numbers that begin like a test's name."""
    known = set(keys)
    if any(_TESTS_RUN in key for key in known):
        for number, key in enumerate(keys):
            if _TESTS_RUN in key and ", Failures: 0, Errors: 0, " in lines[number] and not key.endswith("Skipped: "):
                keys[number] = f"{key} ... ok"
    if any(key.startswith("[info] ") for key in known):
        for number, line in enumerate(lines):
            if line.startswith("[info] ") and _SIGNED.match(line) is not None:
                keys[number] = keys[number].replace("[info] ", "[info] number ", 1)


def judge(keys: Sequence[str], lines: Sequence[str], counts: Collection[str]) -> Iterator[tuple[int, Tone, str]]:
    """The number of each line whose digits speak of trouble, what they say, and their sort. `counts`: each key once."""
    text = "\n".join(counts)
    signs = tuple(sign for sign in _STATUS_SIGNS if sign in text)
    requests = {key for key in counts if holds_any(key, signs)} if signs else set()
    devices = {key for key in counts if "%" in key and _DEVICE.search(key) is not None} if "%" in text else set()
    devices |= {key for key in counts if key.startswith("<>")} if "<>" in text else set()
    if not requests and not devices:
        return
    for number, key in enumerate(keys):
        if key in requests and (status := _STATUS.search(lines[number])) is not None:
            yield number, Tone.MENTION, f"{status[1]}xx"
        elif key in devices and (severity := _severity(lines[number])) <= _LEAST_SEVERE:
            yield number, Tone.WARNING if severity == _LEAST_SEVERE else Tone.ERROR, ""


def _severity(line: str) -> int:
    """From 0 (emergency) to 7, as syslog counts."""
    priority = _PRIORITY.match(line)
    if priority is not None:
        return int(priority[1]) % 8
    named = _SEVERITY.search(line)
    return _LEAST_SEVERE + 1 if named is None else int(named[1])
