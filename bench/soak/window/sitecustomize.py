"""Imported by every Python process of a gateway under soak, because its folder stands in PYTHONPATH: it writes how many
asyncio tasks the process has to the file SOAK_WINDOW/PID, twice a second, from a thread of its own."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import uvloop

_EVERY_S = 0.5


def _watch(loop: asyncio.AbstractEventLoop, file: Path) -> None:
    while not loop.is_closed():
        count = len(asyncio.all_tasks(loop))
        file.with_suffix(".new").write_text(str(count), encoding="ascii")
        file.with_suffix(".new").replace(file)
        time.sleep(_EVERY_S)


def _open(folder: str) -> None:
    make = uvloop.new_event_loop

    def noted() -> uvloop.Loop:
        loop = make()
        threading.Thread(target=_watch, args=(loop, Path(folder, str(os.getpid()))), daemon=True).start()
        return loop

    uvloop.new_event_loop = noted


if "SOAK_WINDOW" in os.environ:
    _open(os.environ["SOAK_WINDOW"])
