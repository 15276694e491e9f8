"""What planning a body costs, as multiples of `json.loads` of the same body, measured in the same run.

    locate    finding the parts, nothing remembered
    first     the whole plan, nothing remembered: texts are decoded, detected, shortened and counted
    again     the same body again
    next      the same conversation one turn later: an answer and a short question, all before them remembered
    output    the same with a tool's output as the newest message: reading it counts, deciding it is under `first`

The goal is for what a client re-sends: `again` and `next` at no more than one `json.loads`.

Texts are made here, by fixed rules, in the kinds that agents produce. No classifier is asked. Each figure is the least
of several runs, taken in turns with `json.loads`, so that a slow moment of the machine hits all of them alike.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from narrows.core.tokens import TOKENIZER, Encoding, count_tokens
from narrows.plan import REACHED, DecisionCache, Plan, keys_of, plan_body
from narrows.policy import Policy, Scope
from narrows.wire.openai_chat import WIRE

GOAL = 1.0
RESULTS = Path(__file__).parent / "results" / "planning.json"
CACHE_BYTES = 256 << 20
POLICY = Policy(tokenizer=TOKENIZER)

Message = dict[str, Any]


def listing(size: int, seed: int) -> str:
    """A JSON array of rows of about `size` bytes."""
    states = ("open", "closed", "merged")
    row = '{{"id": {0}, "title": "Change {1} of the parser", "state": "{2}", "owner": "dev-{3}", "score": {4}.5}}'
    rows = (row.format(9_000 + i, i * seed, states[(i * seed) % 3], i % 17, i % 100) for i in range(size // 95))
    return "[" + ", ".join(rows) + "]"


def build(size: int, seed: int) -> str:
    lines = [
        f"2025-03-01T08:{i // 60 % 60:02d}:{i % 60:02d}Z INFO  [worker-{i * seed % 8}] "
        f"compiled module_{i * seed % 97} in {i % 900} ms"
        for i in range(size // 75)
    ]
    lines.insert(
        len(lines) // 2, "2025-03-01T08:00:00Z ERROR [worker-3] module_41 failed: undefined symbol: parse_head"
    )
    return "\n".join(lines)


def matches(size: int, seed: int) -> str:
    return "\n".join(
        f"src/part_{i * seed % 23}/module_{i // 9}.py:{i * 7 % 900 + 1}:    return self.read_head(buffer, {i})"
        for i in range(size // 70)
    )


def patch(size: int, seed: int) -> str:
    lines = [f"diff --git a/m{seed}.py b/m{seed}.py", f"--- a/m{seed}.py", f"+++ b/m{seed}.py"]
    for hunk in range(max(1, size // 600)):
        lines.append(f"@@ -{hunk * 40 + 1},7 +{hunk * 40 + 1},7 @@ def read_{hunk}():")
        lines += [f"     context_line_{hunk}_{i} = compute(value, {i * seed})" for i in range(3)]
        lines += [f"-    old_{hunk} = call({seed})", f"+    new_{hunk} = call({seed + 1})"]
        lines += [f"     context_line_{hunk}_{i} = compute(value, {i * seed})" for i in range(3, 6)]
    return "\n".join(lines) + "\n"


def source(size: int, seed: int) -> str:
    return "\n".join(
        f"def read_{seed}_{i}(head):\n    return [one for one in head if one != {i}]\n" for i in range(size // 60)
    )


MAKERS = (listing, build, matches, source, patch)
COMMANDS = ("gh pr list --json id,title", "make -j8", "rg -n read_head src", "cat src/head.py", "git diff")


def conversation(turns: int, tool_bytes: int) -> list[Message]:
    """A coding agent's: a prompt, a task, then calls and their outputs of about `tool_bytes` each."""
    messages: list[Message] = [
        {"role": "system", "content": "You are a careful engineer. Read before you change. " * 60},
        {"role": "user", "content": "The build of module_41 fails. Find out why and repair it."},
    ]
    for turn in range(turns):
        arguments = json.dumps({"command": COMMANDS[turn % len(COMMANDS)], "turn": turn})
        call = {"id": f"call_{turn}", "type": "function", "function": {"name": "bash", "arguments": arguments}}
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        text = MAKERS[turn % len(MAKERS)](tool_bytes * (1 + turn % 3) // 2, turn + 1)
        messages.append({"role": "tool", "tool_call_id": f"call_{turn}", "content": text})
    return messages


def body_of(messages: list[Message], *, spaced: bool = False) -> bytes:
    separators = (", ", ": ") if spaced else (",", ":")
    request = {"model": "gpt-4o", "messages": messages, "stream": True}
    return json.dumps(request, ensure_ascii=spaced, separators=separators).encode()


@dataclass(frozen=True, slots=True)
class Case:
    """`turns` tool outputs of about `tool_bytes` each."""

    name: str
    turns: int
    tool_bytes: int
    spaced: bool = False


CASES = (
    Case("200 KB, 100 messages", 50, 4_300),
    Case("200 KB, 100 messages, Python's json.dumps", 50, 4_300, spaced=True),
    Case("200 KB, 12 messages", 5, 42_000),
    Case("2 MB, 200 messages", 100, 21_500),
    Case("2 MB, 1,000 messages", 500, 4_300),
    Case("2 MB, 12 messages", 5, 440_000),
)


@dataclass(frozen=True, slots=True)
class Row:
    """Times of one case; the ratios are over `json_loads_us`."""

    case: str
    body_bytes: int
    messages: int
    edits: int
    forwarded_bytes: int
    json_loads_us: float
    locate: float
    first: float
    again: float
    next: float
    output: float

    @property
    def meets_goal(self) -> bool:
        return max(self.again, self.next) <= GOAL


def least(runs: int, *actions: Callable[[], object]) -> list[float]:
    """The least time of each action in microseconds; they run in turns."""
    best = [float("inf")] * len(actions)
    for _ in range(runs):
        for index, action in enumerate(actions):
            started = time.perf_counter()
            action()
            best[index] = min(best[index], time.perf_counter() - started)
    return [seconds * 1e6 for seconds in best]


def measure(case: Case) -> Row:
    messages = conversation(case.turns, case.tool_bytes)
    body = body_of(messages, spaced=case.spaced)
    before = body_of(messages[:-2], spaced=case.spaced)
    turn: list[Message] = [{"role": "assistant", "content": "Repaired."}, {"role": "user", "content": "Run it again."}]
    longer = body_of([*messages, *turn], spaced=case.spaced)
    plan = plan_body(body, WIRE, POLICY)
    saved = sum(len(edit.span) - len(edit.replacement) for edit in plan.edits)
    again = remembering(plan, body, body)
    runs = max(20, 10_000_000 // len(body))
    for_turn = [remembering(plan, body, body) for _ in range(runs)]
    for_output = [remembering(plan, body, before) for _ in range(runs)]
    loads, *times = least(
        runs,
        lambda: json.loads(body),
        lambda: WIRE.locate(body, Scope.STABLE),
        lambda: plan_body(body, WIRE, POLICY, cache=again),
        lambda: plan_body(longer, WIRE, POLICY, cache=for_turn.pop()),
        lambda: plan_body(body, WIRE, POLICY, cache=for_output.pop()),
    )
    (first,) = least(3, lambda: plan_body(body, WIRE, POLICY))
    locate, replayed, next_turn, output = (round(value / loads, 2) for value in times)
    edits, forwarded = len(plan.edits), len(body) - saved
    ratios = (locate, round(first / loads, 1), replayed, next_turn, output)
    return Row(case.name, len(body), len(messages), edits, forwarded, round(loads, 1), *ratios)


def remembering(plan: Plan, body: bytes, read: bytes) -> DecisionCache:
    """A cache with all the decisions of `body`'s plan, that has read the body `read`."""
    cache = DecisionCache(CACHE_BYTES)
    assert plan.located is not None
    for key, planned in zip(keys_of(body, plan.located, POLICY, REACHED), plan.parts, strict=True):
        if isinstance(key, bytes):
            cache.put(key, planned.outcome)
    WIRE.locate(read, Scope.STABLE, cache.readings)
    return cache


def machine() -> dict[str, object]:
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def main() -> int:
    count_tokens("the vocabulary is loaded before anything is timed", Encoding("o200k_base", assumed=False))
    gc.disable()
    print(f"multiples of json.loads of the same body; goal: again and next at most {GOAL:g}\n")
    print(
        f"{'body':<42}{'bytes':>10}{'edits':>6}{'json.loads':>12}{'locate':>8}{'first':>8}{'again':>8}{'next':>8}{'output':>8}"
    )
    rows = []
    for case in CASES:
        row = measure(case)
        rows.append(row)
        print(
            f"{row.case:<42}{row.body_bytes:>10,}{row.edits:>6}{row.json_loads_us:>9,.0f} us"
            f"{row.locate:>8.2f}{row.first:>8.1f}{row.again:>8.2f}{row.next:>8.2f}{row.output:>8.2f}"
            f"{'' if row.meets_goal else '  over the goal'}",
            flush=True,
        )
    RESULTS.parent.mkdir(exist_ok=True)
    record = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "goal": GOAL,
        "rows": [asdict(row) for row in rows],
    }
    RESULTS.write_text(json.dumps(record, indent=2) + "\n")
    print(f"\nwritten to {RESULTS.relative_to(Path(__file__).parent.parent)}")
    return 0 if all(row.meets_goal for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
