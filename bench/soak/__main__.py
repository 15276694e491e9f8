"""`python -m bench.soak`: mixed load for minutes or hours, and one page of what became of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import uvloop

from bench.dataplane import report
from bench.soak.clients import Client, Soak, leave_directly, stream_on
from bench.soak.gateway import Gateway, Sample, serving
from bench.soak.verdict import Level, Tally, at_share, levels, problems
from tests.scripted_upstream import ScriptedUpstream

WHOLE_S = 300.0
_HELD = {"narrows_exchanges_in_flight": 1.0, "narrows_buffered_bytes": 0.0}
"""Figures that say what is held, and what they are when nobody is there but the one who asks for them."""


def parsed(words: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    seconds = float(os.environ.get("SOAK_SECONDS") or WHOLE_S)
    parser.add_argument("--seconds", type=float, default=seconds, help="how long (SOAK_SECONDS, or five minutes)")
    parser.add_argument("--workers", type=int, default=1, help="gateway processes")
    parser.add_argument("--clients", type=int, default=24, help="conversations at a time")
    parser.add_argument("--streams", type=int, default=40, help="long streams at a time, beside them")
    parser.add_argument("--seed", type=int, default=1, help="of what goes wrong, and when")
    return parser.parse_args(words)


async def soaked(arguments: argparse.Namespace, folder: Path) -> tuple[Tally, list[Sample], dict[str, float]]:
    """Run the load; what was seen, what was held, and the gateway's own figures at the end."""
    async with ScriptedUpstream() as upstream:
        flags = ["--workers", str(arguments.workers)]
        async with serving(upstream.url, folder, flags) as gateway:
            soak = Soak(upstream, gateway.port, arguments.seed)
            load = [
                asyncio.create_task(Client(soak, soak.random.getrandbits(60)).run()) for _ in range(arguments.clients)
            ]
            load += [asyncio.create_task(stream_on(soak, number)) for number in range(arguments.streams)]
            load.append(asyncio.create_task(leave_directly(soak)))
            samples = await _sampled(gateway, arguments.seconds, soak, load)
            soak.over = True
            await asyncio.gather(*load)
            return soak.tally, samples, await _at_rest(gateway)


async def _sampled(gateway: Gateway, seconds: float, soak: Soak, load: list[asyncio.Task[None]]) -> list[Sample]:
    started_s = told_s = time.monotonic()
    samples: list[Sample] = []
    while (now_s := time.monotonic()) < started_s + seconds and not any(task.done() for task in load):
        samples.append(gateway.sample(now_s - started_s))
        if now_s > told_s + 30:
            told_s = now_s
            print(_line(samples[-1], soak.tally), flush=True)
        await asyncio.sleep(1)
    return samples


async def _at_rest(gateway: Gateway) -> dict[str, float]:
    """The gateway's figures when everything that was begun has ended, or after a while."""
    until_s = time.monotonic() + 10
    while True:
        figures = await gateway.figures()
        if all(figures[name] <= rest for name, rest in _HELD.items()) or time.monotonic() > until_s:
            return figures
        await asyncio.sleep(0.1)


def counted(figures: dict[str, float]) -> dict[str, float]:
    """Exchanges by outcome, as the gateway has them."""
    found: dict[str, float] = {}
    for name, value in figures.items():
        if name.startswith("narrows_exchanges_total{"):
            outcome = name.partition('outcome="')[2].partition('"')[0]
            found[outcome] = found.get(outcome, 0) + value
    return found


def _line(sample: Sample, tally: Tally) -> str:
    ended = sum(tally.outcomes.values())
    return (
        f"{sample.at_s:6.0f} s  {ended:8,} exchanges  {tally.body_bytes >> 20:6,} MiB  {sample.rss / 2**20:6.1f} MiB "
        f"resident  {sample.descriptors:4} descriptors  {sample.tasks:4} tasks  {len(tally.wrong)} wrong"
    )


def _told(tally: Tally, found: dict[str, Level]) -> None:
    ended = sum(tally.outcomes.values())
    print(f"\n{ended:,} exchanges, of them " + ", ".join(f"{n:,} {what}" for what, n in sorted(tally.outcomes.items())))
    print(f"{tally.turns:,} turns of {tally.conversations:,} conversations, {tally.shortened:,} bodies shortened")
    print(f"{tally.resent:,} requests sent again by the gateway, {tally.body_bytes:,} bytes of answers compared")
    for name, one in found.items():
        print(f"{name}: {one.second:,.0f} in the second third, {one.last:,.0f} in the last (limit {one.limit:,.0f})")
    print(f"from a client's leaving to the end of the upstream's connection, {len(tally.cancels_s):,} times:")
    print(f"  {_shares(tally.cancels_s)}; without a gateway {_shares(tally.direct_s)}")


def _shares(values: Sequence[float]) -> str:
    shares = {share: at_share(values, share) for share in (0.5, 0.99, 1.0)}
    return ", ".join(f"p{share * 100:g} {one * 1000:.1f} ms" for share, one in shares.items() if one is not None)


def main(words: Sequence[str]) -> int:
    arguments = parsed(words)
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        tally, samples, figures = uvloop.run(soaked(arguments, Path(folder)))
    found = levels(samples)
    said = problems(tally, found, counted(figures), {name: figures[name] - rest for name, rest in _HELD.items()})
    _told(tally, found)
    for problem in said:
        print(f"WRONG: {problem}")
    record = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": report.machine(),
        "load_average": os.getloadavg(),
        "settings": vars(arguments),
        "exchanges": dict(tally.outcomes),
        "faults": dict(tally.faults),
        "turns": tally.turns,
        "conversations": tally.conversations,
        "shortened_bodies": tally.shortened,
        "resent": tally.resent,
        "answer_bytes_compared": tally.body_bytes,
        "cancels": len(tally.cancels_s),
        "cancel_s": {f"p{share * 100:g}": at_share(tally.cancels_s, share) for share in (0.5, 0.99, 1.0)},
        "cancel_without_gateway_s": {
            f"p{share * 100:g}": at_share(tally.direct_s, share) for share in (0.5, 0.99, 1.0)
        },
        "levels": {name: {**asdict(one), "flat": one.flat} for name, one in found.items()},
        "problems": said,
        "samples": [asdict(sample) for sample in samples[:: max(1, len(samples) // 60)]],
    }
    whole = arguments.seconds >= WHOLE_S
    file = report.RESULTS / ("soak.json" if whole else "local/soak.json")
    report.store(record, file)
    print(f"written to {file.relative_to(report.RESULTS.parents[1])}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
