"""Rolling restarts under load: two workers are replaced by new processes while clients ask without a pause.

SIGUSR2 replaces ours, SIGHUP nginx's. nginx's accept from one socket, since with one for each it resets what waits in
those that it closes. A client goes on with its connection until an answer says that it closes, and
connects again then; nothing is sent a second time, so whatever goes wrong is a failed request.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from dataclasses import replace
from time import perf_counter

from bench.dataplane.bodies import small
from bench.dataplane.client import Failed, answer_length, answered, connect, told
from bench.dataplane.figures import Figure, Measure, Target
from bench.dataplane.loop import Link, Loop
from bench.dataplane.processes import Process
from bench.dataplane.proxies import NARROWS, NGINX, start
from bench.dataplane.stage import Stage

CONCURRENCY = 16
RESTARTS = 3
_SIGNALS = {NARROWS: signal.SIGUSR2, NGINX: signal.SIGHUP}
_WARM_S = 1.0
_STEP_S = 0.1
_LIMIT_S = 60.0


class Seen:
    """What the clients of one proxy have seen."""

    def __init__(self) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self.links: set[Client] = set()
        self.stopping = False


class Client(Link):
    """Asks, and asks again; where its connection ends with an answer, on a new one."""

    def __init__(self, loop: Loop, port: int, seen: Seen) -> None:
        super().__init__(loop, connect(port))
        self._port = port
        self._seen = seen
        self._answer = b""
        seen.links.add(self)
        self.write(small())

    def received(self, data: bytes) -> None:
        self._answer += data
        wanted = answer_length(self._answer)
        if wanted < 0 or len(self._answer) < wanted:
            return
        answer, self._answer, seen = self._answer, b"", self._seen
        if not answered(answer):
            seen.failures.append(told(answer))
        seen.answered += 1
        ends = b"\r\nconnection: close" in answer[: answer.index(b"\r\n\r\n") + 4].lower()
        if ends or seen.stopping:
            seen.links.discard(self)
            self.close()
        if not seen.stopping:
            if ends:
                Client(self.loop, self._port, seen)
            else:
                self.write(small())

    def lost(self) -> None:
        seen = self._seen
        seen.links.discard(self)
        seen.failures.append("the connection was closed before its answer")
        if not seen.stopping:
            Client(self.loop, self._port, seen)


def rolling(stage: Stage) -> list[Figure]:
    """Requests that were answered over three restarts, and those that were not."""
    answered_of: dict[str, list[float]] = {}
    failed_of: dict[str, list[float]] = {}
    reasons = Counter[str]()
    place = replace(stage.place(frozenset(range(os.cpu_count() or 1))), workers=2, one_socket=True)
    for name in (name for name in stage.names if name in _SIGNALS):
        process = start(name, place)
        try:
            seen = _restarted(stage, process, name)
        finally:
            process.stop()
        answered_of[name], failed_of[name] = [seen.answered], [len(seen.failures)]
        reasons.update(f"{name}: {failure}" for failure in seen.failures)
    group = f"two workers, replaced {RESTARTS} times, c={CONCURRENCY}"
    return [
        Figure(group, "requests answered meanwhile", "", answered_of),
        Figure(group, "requests failed", "", failed_of, Target(Measure.VALUE, 0.0), detail=reasons),
    ]


def _restarted(stage: Stage, process: Process, name: str) -> Seen:
    seen = Seen()
    for _ in range(CONCURRENCY):
        Client(stage.loop, process.port, seen)
    try:
        stage.loop.run(_WARM_S)
        for _ in range(RESTARTS):
            before = process.tree() - {process.pid}
            os.kill(process.pid, _SIGNALS[name])
            _until_replaced(stage, process, before)
        stage.loop.run(_WARM_S)
        seen.stopping = True
        until_s = perf_counter() + _LIMIT_S
        while seen.links and perf_counter() < until_s:
            stage.loop.run(_STEP_S)
    finally:
        for link in list(seen.links):
            link.close()
    return seen


def _until_replaced(stage: Stage, process: Process, before: set[int]) -> None:
    """Until none of these processes is left."""
    until_s = perf_counter() + _LIMIT_S
    while process.tree() & before:
        if perf_counter() > until_s:
            raise Failed(f"{process.name}: its workers were not replaced within {_LIMIT_S:g} s")
        stage.loop.run(_STEP_S)
