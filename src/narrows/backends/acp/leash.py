"""Runs an agent's command, and ends it, with all that is in its process group, when the gateway lets go.

    python leash.py DESCRIPTOR LC_CTYPE COMMAND [ARGUMENT ...]

The gateway holds the other end of the pipe at DESCRIPTOR. However the gateway ends, that end is closed then: by it, or
by the system where the gateway was killed. So nothing outlives it, whatever the agent makes of a closed standard input.
The group is asked to end (SIGTERM), and after a while made to (SIGKILL). An agent that ends by itself leaves nothing
behind either, and on Linux not even commands that it had put into groups of their own, which come to be this program's
children when their parent has ended. Should this program be killed, Linux kills the agent.

LC_CTYPE is what the agent is to have as that variable, or empty for none: Python sets one for itself where it has none.
This is a program of its own, and uses nothing of the gateway's: it starts in a few hundredths of a second.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

GRACE_S = 2.0
CANNOT_RUN = 127
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
ROUNDS = 100
"""So often are children killed, whose children come to be ours."""


def main(arguments: Sequence[str]) -> int:
    """Run the command; its status, or 128 and the signal that ended it."""
    leash, locale, command = int(arguments[0]), arguments[1], list(arguments[2:])
    if locale:
        os.putenv("LC_CTYPE", locale)
    else:
        os.unsetenv("LC_CTYPE")
    os.set_inheritable(leash, False)
    die_with_parent = _linux()
    ending = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ending.set())
    try:
        agent = subprocess.Popen(
            command,
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 # no thread runs here yet
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
        return CANNOT_RUN
    with open(os.devnull, "r+b") as nowhere:
        for descriptor in range(3):
            os.dup2(nowhere.fileno(), descriptor)
    threading.Thread(target=_watch, args=(leash, ending), daemon=True).start()
    threading.Thread(target=_end, args=(agent.pid, ending), daemon=True).start()
    _wait(agent)
    _signal(agent.pid, signal.SIGKILL)
    status = agent.wait()
    _end_rest()
    return status if status >= 0 else 128 - status


def _linux() -> Callable[[], object] | None:
    """Be the parent of every orphan below, where the system knows that; what the agent does before it begins."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    return lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _end_rest() -> None:
    """Kill what is left below."""
    for _ in range(ROUNDS):
        left = [int(child) for child in _children().split()]
        if not left:
            return
        for child in left:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        for child in left:
            with suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> str:
    found = ""
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):
            with open(f"/proc/self/task/{thread}/children", encoding="ascii") as listed:
                found += f" {listed.read()}"
    return found


def _watch(leash: int, ending: threading.Event) -> None:
    os.read(leash, 1)
    ending.set()


def _end(group: int, ending: threading.Event) -> None:
    ending.wait()
    _signal(group, signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    _signal(group, signal.SIGKILL)


def _wait(agent: subprocess.Popen[bytes]) -> None:
    """Return when the agent has ended; where Python can have that, nobody else gets its number, its group's, yet."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_PID, agent.pid, os.WEXITED | os.WNOWAIT)
    else:  # macOS before 3.13
        agent.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(sys.argv[1:]))
