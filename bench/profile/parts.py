"""What a sample of `perf record` says: which part of the process, or of the kernel on its behalf, was at work. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

KERNEL = "[kernel.kallsyms]"
OTHER_THREADS = "its other threads"
_WRITES, _READS = "kernel: writes", "kernel: reads"
_CALLS = (
    ("page_fault", "kernel: page faults"),
    ("futex", "kernel: waits for locks"),
    ("epoll", "kernel: epoll"),
    ("sys_write", _WRITES),
    ("do_writev", _WRITES),
    ("vfs_write", _WRITES),
    ("sendmsg", _WRITES),
    ("sys_read", _READS),
    ("vfs_read", _READS),
    ("recvmsg", _READS),
    ("sys_recv", _READS),
)
"""What stands in a call chain of the kernel, in the order in which it is looked for: what arrives by loopback is
received while the other side still sends."""
_USERS = {"write": _WRITES, "writev": _WRITES, "send": _WRITES, "read": _READS, "recv": _READS}
_LIBRARIES = (
    ("libpython", "interpreter"),
    ("python3", "interpreter"),
    ("loop.cpython", "event loop"),
    ("libc.so", "C library"),
    ("libssl", "TLS"),
    ("libcrypto", "TLS"),
    ("[vdso]", "clock"),
    (".cpython", "extension modules"),
)


@dataclass(frozen=True)
class Frame:
    """A function and the file it is in, as perf names them."""

    symbol: str
    file: str


def frame(line: str) -> Frame:
    """A line of a call chain in `perf script -F ip,sym,dso`: address, symbol with its offset, (file)."""
    words, _, file = line.strip().rpartition(" (")
    _, _, symbol = words.partition(" ")
    return Frame(symbol.partition("+")[0], file.rstrip(")").rpartition("/")[2])


def part(chain: Sequence[Frame]) -> str:
    """The part that a call chain, innermost first, is counted for."""
    innermost = chain[0]
    if innermost.file != KERNEL:
        return next((name for front, name in _LIBRARIES if front in innermost.file), innermost.file)
    kernel = [one.symbol for one in chain if one.file == KERNEL]
    for mark, name in _CALLS:
        if any(mark in symbol for symbol in kernel):
            return name
    asked = (
        one.symbol.removeprefix("__GI_").removeprefix("__libc_").lstrip("_") for one in chain if one.file != KERNEL
    )
    return next((_USERS[symbol] for symbol in asked if symbol in _USERS), "kernel: other")


def shares(script: str) -> dict[str, float]:
    """The share of each part in the samples of `perf script -F tid,ip,sym,dso`. The thread with most samples is the one
    that serves; what the others do is one part."""
    chains: list[tuple[str, list[Frame]]] = []
    for sample in script.split("\n\n"):
        thread, *lines = sample.strip().split("\n")
        if lines:
            chains.append((thread.strip(), [frame(line) for line in lines]))
    serving = Counter(thread for thread, _ in chains).most_common(1)
    counted = Counter(part(chain) if thread == serving[0][0] else OTHER_THREADS for thread, chain in chains)
    return {name: count / len(chains) for name, count in counted.most_common()}


def counts(text: str) -> dict[str, float]:
    """What `perf stat -x ,` has counted, by the event's name without its group and its front."""
    found = {}
    for line in text.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].replace(".", "").isdigit():
            found[fields[2].rpartition(":")[2].removeprefix("sys_enter_")] = float(fields[0])
    return found
