"""Whether a file has changed, asked now and then.

A change is told once the file has looked the same twice: an editor that writes it in pieces is not caught half way. A
file that appears or goes away has changed as well.
"""

from __future__ import annotations

from pathlib import Path

EVERY_S = 1.0
"""How often to ask."""

_Look = tuple[int, int, int] | None


class FileWatch:
    """Remembers how `path` looked when it was last told of."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._told = self._before = self._look()

    def changed(self) -> bool:
        """Whether it looks different from the last time this was true, or from the start, and has come to rest."""
        look, before = self._look(), self._before
        self._before = look
        if look == self._told or look != before:
            return False
        self._told = look
        return True

    def _look(self) -> _Look:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino
