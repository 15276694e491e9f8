"""Speaks for headroom-ai inside its own environment: `compress(messages)` with its defaults."""

from __future__ import annotations

import json
import sys
import time

from headroom import compress  # type: ignore[import-not-found]  # installed in the rival's environment only

for line in sys.stdin.buffer:
    messages = json.loads(line)["messages"]
    try:
        started, worked = time.perf_counter(), time.process_time()
        forwarded = compress(messages, model="gpt-4o").messages
        took = {"ms": (time.perf_counter() - started) * 1e3, "cpu_ms": (time.process_time() - worked) * 1e3}
        answer = {"messages": forwarded, **took}
    except Exception as error:  # noqa: BLE001  # whatever fails there is the rival's answer
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()
