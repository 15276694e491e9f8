from __future__ import annotations

import pytest

from bench.profile.__main__ import table
from bench.profile.parts import KERNEL, OTHER_THREADS, Frame, counts, frame, part, shares

LOOP = "loop.cpython-311-x86_64-linux-gnu.so"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("\t 7f00 _PyEval_EvalFrameDefault+0x1a (/usr/lib/libpython3.11.so.1.0)", ("_PyEval_EvalFrameDefault", "lib")),
        ("  ffff8000 tcp_ack+0x5 ([kernel.kallsyms])", ("tcp_ack", KERNEL)),
        ("  55 [unknown] (/usr/sbin/nginx)", ("[unknown]", "nginx")),
    ],
)
def test_a_line_of_a_chain(line: str, found: tuple[str, str]) -> None:
    read = frame(line)
    assert read.symbol == found[0]
    assert read.file.startswith(found[1])


@pytest.mark.parametrize(
    ("chain", "name"),
    [
        ([("_PyEval_EvalFrameDefault", "libpython3.11.so.1.0")], "interpreter"),
        ([("main", "python3.11")], "interpreter"),
        ([("uv__io_poll", LOOP)], "event loop"),
        ([("Struct_dealloc", "_core.cpython-311-x86_64-linux-gnu.so")], "extension modules"),
        ([("malloc", "libc.so.6")], "C library"),
        ([("ngx_http_parse", "nginx")], "nginx"),
        ([("tcp_ack", KERNEL), ("__x64_sys_write", KERNEL), ("write", "libc.so.6")], "kernel: writes"),
        ([("tcp_ack", KERNEL), ("__GI___libc_write", "libc.so.6")], "kernel: writes"),
        ([("sock_recvmsg", KERNEL), ("tcp_sendmsg", KERNEL)], "kernel: writes"),
        ([("fdget_pos", KERNEL), ("read", "libc.so.6")], "kernel: reads"),
        ([("clear_page", KERNEL), ("exc_page_fault", KERNEL), ("read", "libc.so.6")], "kernel: page faults"),
        ([("ep_poll", KERNEL), ("__x64_sys_epoll_pwait", KERNEL)], "kernel: epoll"),
        ([("sysvec_apic_timer_interrupt", KERNEL), ("main", "python3.11")], "kernel: other"),
    ],
)
def test_the_part_of_a_chain(chain: list[tuple[str, str]], name: str) -> None:
    assert part([Frame(symbol, file) for symbol, file in chain]) == name


def test_shares_are_of_the_thread_that_serves_and_the_others_are_one_part() -> None:
    samples = [
        "  11\n\t7f _PyEval_EvalFrameDefault+0x1 (/lib/libpython3.11.so.1.0)\n",
        "  11\n\t7f uv__io_poll+0x1 (/lib/loop.cpython-311-x86_64-linux-gnu.so)\n",
        "  11\n\t7f _PyEval_EvalFrameDefault+0x9 (/lib/libpython3.11.so.1.0)\n",
        "  12\n\tff vfs_write+0x9 ([kernel.kallsyms])\n",
    ]
    assert shares("\n".join(samples)) == {"interpreter": 0.5, "event loop": 0.25, OTHER_THREADS: 0.25}


def test_what_was_counted() -> None:
    said = "# started\n12,,syscalls:sys_enter_read,99,100.00,,\n0.5,,page-faults,9,1.0,,\n<not counted>,,futex,0,0,,\n"
    assert counts(said) == {"read": 12.0, "page-faults": 0.5}


def test_a_table_goes_by_the_first_column_and_says_what_is_not_there() -> None:
    lines = table("us", {"narrows": {"small": 1.0, "whole": 9.0}, "bare": {"whole": 4.0, "new": 2.0}}, 1)
    assert [line.split() for line in lines] == [
        ["us", "narrows", "bare"],
        ["whole", "9.0", "4.0"],
        ["small", "1.0", "-"],
        ["new", "-", "2.0"],
    ]
