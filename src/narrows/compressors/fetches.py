"""Which calls fetched a page from elsewhere to read what it says.

Whoever works on a page needs its markup; whoever looks something up needs its text. What tells them apart is the call.
Addresses of the agent's own machine or network are pages under development; addresses of raw files are source; a tool
or an argument that asks for HTML, for elements or for a screenshot's tree means the markup. Without an address that
says where the page came from, nothing is known, and that is no evidence.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from narrows.compressors.shell_words import Command, Pipeline, base, operands

_ADDRESS_KEYS = frozenset(
    {"url", "urls", "uri", "href", "link", "links", "address", "webpage", "website", "pageurl", "weburl"}
)
_MARKUP_WORDS = re.compile(
    r"html|markup|dom\b|source|raw|selector|element|xpath|css|script|eval|inspect|snapshot|download|save|upload|"
    r"post|put|delete|patch|file",
    re.IGNORECASE,
)
_RAW_KEYS = frozenset(
    {"raw", "html", "rawhtml", "includehtml", "selector", "xpath", "css", "script", "javascript", "outputpath"}
)
_FORMAT_KEYS = frozenset({"format", "outputformat", "output", "returnformat", "mode", "type", "formats", "extract"})
_PATH_KEYS = frozenset({"path", "file", "filepath", "filename"})
_FETCHERS = frozenset({"curl", "wget", "http", "https", "xh", "xhs", "curlie", "lynx", "w3m", "links", "elinks"})
_SENDS = re.compile(
    r"-[A-Za-z]*[XdFToOI]$|--(?:request|data|form|upload-file|output|remote-name|head|json|post-data|body-data)|"
    r"(?:POST|PUT|PATCH|DELETE)$"
)
_TO_OUTPUT = re.compile(r"-[A-Za-z]*O-$")
_SCHEMES = ("http://", "https://")
_RAW_HOSTS = re.compile(r"(?:^|\.)(?:raw|gist)\.githubusercontent\.com$|^raw\.")
_RAW_PATHS = re.compile(r"/(?:-/)?(?:raw|blob-raw|plain)/|/raw$")
_OWN_SUFFIXES = (
    ".local",
    ".localhost",
    ".internal",
    ".test",
    ".lan",
    ".home",
    ".corp",
    ".intranet",
    ".example.invalid",
)
_IPV4 = re.compile(r"[0-9.]+$")
_BARE = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,24}(?:[:/?#]|$)", re.IGNORECASE)
MOST_ADDRESSES = 32
MOST_CHARACTERS = 4096
"""Of an address; of longer ones only the beginning is read."""


def from_elsewhere(arguments: object) -> bool:
    """Whether a call's arguments name pages to fetch, all of them addresses of other machines and none of a file."""
    if not isinstance(arguments, dict) or _PATH_KEYS & arguments.keys():
        return False
    found: list[str] = []
    for key in arguments.keys() & _ADDRESS_KEYS:
        value = arguments[key]
        found += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]
    return 0 < len(found) <= MOST_ADDRESSES and all(is_elsewhere(one) for one in found)


def to_be_read(name: str, arguments: object) -> bool:
    """Whether neither the tool's name nor an argument asks for the markup, or does something else with the address."""
    if _MARKUP_WORDS.search(name[:256]) is not None or not isinstance(arguments, dict):
        return False
    if any(arguments.get(key) not in (None, False, "", "false") for key in _RAW_KEYS):
        return False
    formats = (str(arguments.get(key, ""))[:MOST_CHARACTERS] for key in _FORMAT_KEYS)
    return not any(_MARKUP_WORDS.search(one) for one in formats)


def by_shell(pipelines: list[Pipeline], passes_on: frozenset[str]) -> bool:
    """Whether a shell's commands fetched pages, and only passed them on; `passes_on` are commands that do."""
    fetching = [pipeline for pipeline in pipelines if pipeline and base(pipeline[0].words[0]) in _FETCHERS]
    return bool(fetching) and all(
        _fetches(pipeline[0]) and all(base(command.words[0]) in passes_on for command in pipeline[1:])
        for pipeline in fetching
    )


def _fetches(command: Command) -> bool:
    words = [word for word in command.words[1:] if not _TO_OUTPUT.match(word)]
    if command.to_file or any(_SENDS.match(word) for word in words):
        return False
    found = [word for word in operands(tuple(command.words)) if word.startswith(_SCHEMES) or _BARE.match(word)]
    return bool(found) and all(is_elsewhere(word if word.startswith(_SCHEMES) else f"http://{word}") for word in found)


def is_elsewhere(address: str) -> bool:
    """Whether an http(s) address is of another machine, and of a page rather than a raw file."""
    address = address.strip()[:MOST_CHARACTERS]
    if not address.lower().startswith(_SCHEMES):
        return False
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    if "." not in host or ":" in host or _IPV4.match(host) or host.endswith(_OWN_SUFFIXES):
        return False
    return _RAW_HOSTS.search(host) is None and _RAW_PATHS.search(parts.path) is None
