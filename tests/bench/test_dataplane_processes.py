from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.dataplane.loop import free_port
from bench.dataplane.processes import Command, Process, descendants, parse_stat, process_clock_s, telling_line


def test_a_stat_line_whose_command_has_brackets_and_blanks() -> None:
    line = "71 (a (b) c) S 7 71 71 0 -1 4194560 1 2 3 4 500 600 250 50 20 0 1 0 99 1 1"
    stat = parse_stat(line)
    assert stat.parent == 7
    assert stat.children_s == 300 / os.sysconf("SC_CLK_TCK")


def test_descendants_are_found_at_any_depth() -> None:
    assert descendants(2, {2: 1, 3: 2, 4: 3, 5: 1, 6: 5}) == {2, 3, 4}
    assert descendants(9, {2: 1}) == {9}


def test_the_clock_of_a_process_is_its_cpu_time() -> None:
    before = process_clock_s(os.getpid())
    own = time.process_time()
    sum(range(200_000))
    used = time.process_time() - own
    assert process_clock_s(os.getpid()) - before >= used > 0


def test_the_clock_of_a_process_that_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert process_clock_s(gone.pid) == 0.0


SERVER = """
import http.server, subprocess, sys
print("one line", "OSError: a second", sep="\\n", flush=True)
child = subprocess.Popen([sys.executable, "-c", "sum(range(10_000_000)); input()"], stdin=subprocess.PIPE)
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answers).serve_forever()
"""


def become(pids: Iterable[int], stopped: bool) -> None:
    """Wait until all are stopped, or none is: a signal arrives when its process is next given a moment."""
    deadline_s = time.monotonic() + 60
    while any((state_of(pid) == "T") is not stopped for pid in pids):
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def state_of(pid: int) -> str:
    """The letter of /proc/PID/stat."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="latin-1").rpartition(")")[2].split()[0]


def test_a_process_is_measured_paused_and_ended_with_its_children(tmp_path: Path) -> None:
    port = free_port()
    cores = frozenset(os.sched_getaffinity(0))
    process = Process(Command("served", [sys.executable, "-c", SERVER, str(port)], port, cores, tmp_path))
    try:
        tree = process.tree()
        assert len(tree) == 2
        assert process.complained() == process.said() == "OSError: a second"
        alone, whole = process.memory(of_tree=False), process.memory()
        assert 0 < alone.pss < whole.pss
        assert whole.pss <= whole.rss
        (child,) = tree - {process.pid}
        deadline_s = time.monotonic() + 60
        while process_clock_s(child) < 0.02 and time.monotonic() < deadline_s:
            time.sleep(0.01)
        assert process.cpu_s() >= process.own_cpu_s() + 0.02
        process.pause()
        become(tree, stopped=True)
        process.resume()
        become(tree, stopped=False)
        assert process.complained() == ""
        process.pause()
    finally:
        process.stop()
    assert process_clock_s(process.pid) == 0.0


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    script = tmp_path / "served.py"  # a file, as from 3.13 on a traceback shows the source of `-c` too
    script.write_text("print('a start')\nint('no port')\n")
    words = [sys.executable, str(script)]
    with pytest.raises(RuntimeError, match=r"served did not start: ValueError: .*'no port'"):
        Process(Command("served", words, free_port(), frozenset(os.sched_getaffinity(0)), tmp_path))


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("one\n\ntwo\n", "two"),
        ("one\nValueError: bad\nafter\n", "ValueError: bad"),
        ("[ALERT] (1) : cannot bind\nbye\n", "[ALERT] (1) : cannot bind"),
        ("", "it wrote nothing"),
    ],
)
def test_what_a_log_says(log: str, line: str) -> None:
    assert telling_line(log) == line
