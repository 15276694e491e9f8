"""What runs in a planning process: surveys of large bodies, and decisions about parts.

Everything here is a function of its arguments; a process keeps only the classifier it has loaded. A planning process
must not outlive the gateway, and must not end before it: an interrupt from the terminal reaches the whole process group
and is ignored here, while the gateway drains; the gateway's own death, however sudden, ends the process.
"""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from functools import cache
from multiprocessing import connection, parent_process

from narrows.classifiers import load
from narrows.compressors.types import Classifier
from narrows.plan import PartOutcome, PartTask, decide_part, keys_of
from narrows.policy import Policy
from narrows.wire.registry import wire_named
from narrows.wire.types import Located, Untouched


@dataclass(frozen=True, slots=True)
class Survey:
    """A located body, and for each of its parts the outcome, where none needs work, or the key of its task."""

    located: Located
    parts: tuple[PartOutcome | bytes, ...]


def survey(body: bytes, wire_name: str, policy: Policy) -> Survey | Untouched:
    """Find the parts of a body that is too large to be scanned on the event loop."""
    located = wire_named(wire_name).locate(body, policy.scope)
    if isinstance(located, Untouched):
        return located
    return Survey(located, keys_of(body, located, policy))


def decide(tasks: tuple[PartTask, ...], classifier_name: str) -> tuple[PartOutcome, ...]:
    """The outcomes of parts, in their order."""
    classifier = _classifier(classifier_name)
    return tuple(decide_part(task, classifier) for task in tasks)


def start() -> None:
    """Prepare the process; nothing heavy is loaded before the first part that needs it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_die_with_the_gateway, daemon=True).start()


@cache
def _classifier(name: str) -> Classifier | None:
    return load(name)


def _die_with_the_gateway() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
