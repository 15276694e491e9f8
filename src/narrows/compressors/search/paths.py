"""Which strings may be a path.

The grammar of search output is weak: `12:01:01`, `2024-05-01T12:00:00Z` and `host0:8080: up` have the shape of
`path:line:text`. So a path must look like one, by a folder separator, an extension or a well-known name, and must not
look like a time, a date, a URL or the beginning of a log line. What is refused here is never harmed: its line is kept
as it was.
"""

from __future__ import annotations

import re

_MAX_CHARACTERS = 4096
_EXTENSION = re.compile(r"\.[A-Za-z][\w+~-]{0,15}$|\.\d?[A-Za-z]\w{0,7}$")
_KNOWN_NAMES = re.compile(
    r"(?:GNUm|[Mm])akefile|(?:Docker|Container|Jenkins|Vagrant|Proc|Rake|Gem|Pip|Brew|Just|Caddy)file|justfile|BUILD|"
    r"LICEN[CS]E|COPYING|NOTICE|README|CHANGES|CHANGELOG|HISTORY|AUTHORS|CONTRIBUTORS|MAINTAINERS|CODEOWNERS|INSTALL|"
    r"TODO|NEWS|VERSION|WORKSPACE|Kconfig|Kbuild|RECORD|METADATA|WHEEL"
)
_NEVER = re.compile(
    r"""[\x00-\x1f\x7f]                     # control characters, escape sequences
      | ^[\s\["'<>|&;$*?#-] | [\s:]$        # openings of log lines, arrows and quotes; a path has no blank at its ends
      | ://                                 # URLs
      | ^[\d.:/\\T\s,+Z-]*$                 # nothing but digits: times, dates, addresses
      | ^\W*\d{4}[-/.]\d\d?[-/.]\d\d?(?:[T\s]|$)  # a date, alone or before a time
      | ^\W*\d{1,2}[:.]\d\d(?:[:.\s]|$)     # a time
      | :\s | \s:                           # words of a message
    """,
    re.VERBOSE,
)
_SPACED = re.compile(r"[\w .,\-/\\+@~:()&'!]+")
_MESSAGE_WORDS = re.compile(
    r"\b\d{1,2}:\d\d\b|\d{4}-\d\d-\d\d|\b(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)\b"
    r"|\s(?:-|at|in|from|line)\s"
)


def is_path(text: str) -> bool:
    """Whether `text` may stand for a file's path."""
    if not 0 < len(text) <= _MAX_CHARACTERS or _NEVER.search(text):
        return False
    if not has_file_name(text) and "/" not in text and "\\" not in text:
        return False
    return " " not in text or (_SPACED.fullmatch(text) is not None and not _MESSAGE_WORDS.search(text))


def has_file_name(path: str) -> bool:
    """Whether the last part of `path` has an extension or is a well-known file name."""
    name = path[max(path.rfind("/"), path.rfind("\\")) + 1 :]
    return _EXTENSION.search(name) is not None or _KNOWN_NAMES.fullmatch(name) is not None
