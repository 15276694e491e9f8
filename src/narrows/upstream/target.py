"""Where the model's server is, and how a request's path is joined to its base path.

The upstream comes from the settings alone: no header and no path of a request can lead elsewhere. A base path that
ends in the segments the request's path begins with is joined once, because both habits of writing `base_url` exist:
`https://api.openai.com/v1` + `/v1/models` and + `/models` are the same place. A path that climbs (`..`) is refused
where there is a base path to climb out of, and so is one that a server could take for one that climbs: it may decode
`%2e` and `%2f` first, read a backslash as a slash, or drop what follows a semicolon.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from narrows.errors import MalformedRequest, SettingsError

_CLIMBS = re.compile(rb"(?:^|[/\\]|%2f|%5c)(?:\.|%2e){2}(?:$|[/\\;]|%2f|%5c|%3b)", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """An upstream. `authority` is the Host it is asked by (the port only where it is not the scheme's own);
    `base_path` is empty or starts with a slash, and never ends with one; `absolute` is what stands before the path
    where a proxy is asked, or empty."""

    tls: bool
    host: str
    port: int
    authority: bytes
    base_path: bytes
    absolute: bytes = b""

    def join(self, origin_form: bytes) -> bytes:
        """The target to ask the upstream for, when the client asked for `origin_form` (path and query, or `*`).

        Raises:
            MalformedRequest: the path would leave the base path.
        """
        if origin_form == b"*":
            return self.absolute or origin_form  # RFC 9112 section 3.2.4
        if not self.base_path:
            return self.absolute + origin_form
        path, mark, query = origin_form.partition(b"?")
        if b"." in path or b"%" in path:
            self._refuse_climbing(path)
        return self.absolute + self.base_path + path[self._overlap(path) :] + mark + query

    def relative_path(self, origin_form: bytes) -> str:
        """The request's path under the base path, without the query: what the wires match on."""
        path = origin_form.partition(b"?")[0]
        if self.base_path:
            path = path[self._overlap(path) :]
        return path.decode("latin-1")

    def _overlap(self, path: bytes) -> int:
        """How many bytes of `path` repeat the end of the base path, in whole segments; the longest such run."""
        start = 0
        while start >= 0:
            tail = self.base_path[start:]
            if path.startswith(tail) and path[len(tail) : len(tail) + 1] in {b"", b"/"}:
                return len(tail)
            start = self.base_path.find(b"/", start + 1)
        return 0

    def _refuse_climbing(self, path: bytes) -> None:
        if _CLIMBS.search(path):
            raise MalformedRequest(
                "the path holds a `..` segment, and this upstream has a base path that it could leave;"
                " send the path without it"
            )


def parse_target(url: str) -> Target:
    """The target that an `http://` or `https://` URL names.

    Raises:
        SettingsError: it is no such URL, or names no host.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise SettingsError((f"upstream {url!r} is not a URL: {error}",)) from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or not url.isascii():
        raise SettingsError((f"upstream {url!r} needs http:// or https:// and a host, such as https://api.openai.com",))
    default = _DEFAULT_PORTS[parts.scheme]
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = name if port in (None, default) else f"{name}:{port}"
    return Target(
        tls=parts.scheme == "https",
        host=parts.hostname,
        port=port or default,
        authority=authority.encode(),
        base_path=parts.path.rstrip("/").encode(),
    )
