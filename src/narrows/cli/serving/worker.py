"""One of several processes that serve, as its supervisor starts it.

Signals that a terminal sends to the whole process group are the supervisor's to act on, and ignored here.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from argparse import Namespace

from narrows.cli.configuration import read_settings
from narrows.cli.serving.event_loop import loop_factory
from narrows.server.app import tune_process
from narrows.server.workers.messages import Document
from narrows.server.workers.worker import work
from narrows.settings import Settings

_LEFT_ALONE = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2)


def run(arguments: Namespace) -> int:
    """Be a worker until the supervisor ends it."""

    def read(document: Document) -> Settings:
        return read_settings(arguments, document=document).settings

    for number in _LEFT_ALONE:
        signal.signal(number, signal.SIG_IGN)
    tune_process()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work(socket.socket(fileno=arguments.worker_channel), read))
