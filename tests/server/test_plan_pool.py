"""Planning processes: started when needed, replaced when dead, gone with the gateway."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time

import pytest

from narrows.errors import Overloaded
from narrows.server.plan_pool import PlanPool

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio"])


async def test_processes_start_with_the_first_job_and_end_with_the_pool() -> None:
    pool = PlanPool(1)
    assert pool.process_ids() == ()
    (first,) = {await pool.run(os.getpid), await pool.run(os.getpid)}
    assert pool.process_ids() == (first,)
    pool.close()
    async with asyncio.timeout(60):
        while pool.process_ids():
            await asyncio.sleep(0.01)
    with pytest.raises(Overloaded):
        await pool.run(os.getpid)


async def test_a_jobs_own_failure_is_the_callers() -> None:
    pool = PlanPool(1)
    with pytest.raises(ValueError, match="invalid literal"):
        await pool.run(int, "x")
    assert (pool.lost, pool.running) == (0, 0)
    pool.close()


async def test_a_job_that_kills_its_process_is_given_up() -> None:
    pool = PlanPool(1)
    with pytest.raises(Overloaded):
        await pool.run(os._exit, 1)
    assert pool.lost == 3
    assert await pool.run(len, "three") == 5
    pool.close()


async def test_callers_that_are_cancelled_leave_their_jobs_to_the_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """The executor's thread fails the jobs it has; it must find them as it left them."""
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    pool = PlanPool(1)
    await pool.run(os.getpid)
    before = threading.active_count()
    callers = [asyncio.create_task(pool.run(time.sleep, 60)) for _ in range(5)]
    while pool.running < len(callers):
        await asyncio.sleep(0.01)
    for caller in callers:
        caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.gather(*callers)
    pool.kill()
    async with asyncio.timeout(60):
        while threading.active_count() >= before:
            await asyncio.sleep(0.01)
    assert raised == []
    assert await pool.run(len, "three") == 5
    pool.close()


ORPHAN = """
import asyncio, os
from narrows.server.plan_pool import PlanPool

async def main():
    pool = PlanPool(1)
    print(await pool.run(os.getpid), flush=True)
    await asyncio.sleep(60)

if __name__ == "__main__":
    asyncio.run(main())
"""


async def test_processes_die_with_a_gateway_that_dies() -> None:
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHAN, stdout=asyncio.subprocess.PIPE)
    assert gateway.stdout is not None
    assert int(await asyncio.wait_for(gateway.stdout.readline(), 60)) != gateway.pid
    gateway.kill()
    await gateway.wait()
    assert await asyncio.wait_for(gateway.stdout.read(), 60) == b"", "a worker holds the pipe open until it ends"


async def test_an_interrupt_from_the_terminal_is_the_gateways_business() -> None:
    pool = PlanPool(1)
    worker = await pool.run(os.getpid)
    os.kill(worker, signal.SIGINT)
    assert await pool.run(os.getpid) == worker
    pool.close()
