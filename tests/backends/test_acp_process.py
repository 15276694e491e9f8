"""No process outlives what started it, however that ended, and none can fill the memory."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from narrows.backends.acp.process import KEPT_LINE_CHARS, KEPT_LINES, LEASH, AgentProcess, Launch
from tests.backends.acp_peer import runs

STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
deaf = [sys.executable, "-c", "import signal, time; signal.signal(15, 1); time.sleep(600)"]
child, apart = subprocess.Popen(deaf), subprocess.Popen(deaf, start_new_session=True)
print(os.getpid(), child.pid, apart.pid, flush=True)
time.sleep(600)
"""
"""It and its children, of which one has a session of its own, care for no signal that can be ignored."""

STARTER = """
import asyncio, sys
from narrows.backends.acp.process import AgentProcess, Launch

async def main():
    process = await AgentProcess.begin(Launch((sys.executable, "-c", sys.argv[1]), "/", {}))
    print((await process._line()).decode(), end="", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def launch(code: str) -> Launch:
    return Launch((sys.executable, "-I", "-S", "-c", code), "/", {"PATH": os.environ["PATH"]})


async def gone(*pids: int) -> None:
    async with asyncio.timeout(60):
        while any(map(runs, pids)):
            await asyncio.sleep(0.01)


async def test_one_that_does_not_want_to_end_is_killed_with_its_children() -> None:
    process = await AgentProcess.begin(launch(STUBBORN))
    pids = [int(pid) for pid in (await process._line() or b"").split()]
    assert all(map(runs, pids))
    await process.end()
    await gone(*pids)
    assert process.status == 128 + signal.SIGKILL
    await process.end()


async def test_none_outlives_a_gateway_that_was_killed() -> None:
    starter = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STARTER, STUBBORN, stdout=asyncio.subprocess.PIPE
    )
    assert starter.stdout is not None
    pids = [int(pid) for pid in (await starter.stdout.readline()).split()]
    assert len(pids) == 3
    assert all(map(runs, pids))
    starter.kill()
    await starter.wait()
    await gone(*pids)


async def test_children_of_one_that_ended_by_itself_end_too() -> None:
    code = "import subprocess, sys; print(subprocess.Popen(['sleep', '600']).pid, flush=True); sys.exit(7)"
    process = await AgentProcess.begin(launch(code))
    pid = int(await process._line() or b"")
    await process.wait()
    await gone(pid)
    assert process.status == 7
    await process.end()


async def test_what_it_complains_of_is_read_always_and_little_is_kept() -> None:
    code = (
        "import sys\n"
        "for n in range(300): sys.stderr.write(f'{n} ' + 'x' * 10_000 + '\\n')\n"
        "sys.stderr.write('y' * 3_000_000); print('{}', flush=True); sys.stdin.read()"
    )
    process = await AgentProcess.begin(launch(code))
    assert await process.receive() == {}, "it was not held up"
    await process.end()
    assert len(process.last_words) == KEPT_LINES
    assert max(map(len, process.last_words)) == KEPT_LINE_CHARS
    assert process.last_words[-1].startswith("yyy")


async def test_a_command_that_is_not_there() -> None:
    process = await AgentProcess.begin(Launch(("no-such-agent",), "/", {"PATH": os.environ["PATH"]}))
    assert await process.receive() is None
    await process.end()
    assert (process.status, process.last_words) == (127, ("no-such-agent cannot be run: No such file or directory",))


async def test_where_the_system_cannot_wait_without_reaping_it_runs_all_the_same() -> None:
    """As on macOS under some versions of Python."""
    code = "import os, runpy, sys\ndel os.waitid, sys.argv[0]\nrunpy.run_path(sys.argv[0], run_name='__main__')"
    read_end, write_end = os.pipe()
    agent = (sys.executable, "-I", "-S", "-c", "import sys; sys.exit(len(sys.stdin.readline()))")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", "-c", code, str(LEASH), str(read_end), "", *agent),
        stdin=asyncio.subprocess.PIPE,
        pass_fds=(read_end,),
    )
    os.close(read_end)
    await process.communicate(b"hello\n")
    os.close(write_end)
    assert process.returncode == 6
