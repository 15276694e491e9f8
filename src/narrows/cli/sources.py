"""What the commands read: a file or standard input, as exact bytes."""

from __future__ import annotations

import sys
from pathlib import Path

from narrows.cli.failure import Failure


def read_bytes(name: str) -> bytes:
    """The bytes of the file `name`, or of standard input where it is `-`.

    Raises:
        Failure: the file cannot be read.
    """
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise Failure(f"{name}: cannot be read ({error.strerror})") from None


def read_text(name: str) -> str:
    """The same, as text; line ends stay as they are.

    Raises:
        Failure: the file cannot be read, or is not UTF-8.
    """
    data = read_bytes(name)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        place = "standard input" if name == "-" else name
        raise Failure(f"{place}: is not UTF-8 (byte {error.start}); only text can be shortened") from None


def write_text(text: str) -> None:
    """Write `text` to standard output exactly."""
    sys.stdout.buffer.write(text.encode())
    sys.stdout.buffer.flush()
