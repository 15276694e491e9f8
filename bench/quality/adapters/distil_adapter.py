"""Speaks for distil-llm inside its own environment: `compress_messages(messages)` with its defaults."""

from __future__ import annotations

import json
import sys
import time

from distil import compress_messages  # type: ignore[import-not-found]  # installed in the rival's environment only

for line in sys.stdin.buffer:
    messages = json.loads(line)["messages"]
    try:
        started, worked = time.perf_counter(), time.process_time()
        forwarded = compress_messages(messages).messages
        took = {"ms": (time.perf_counter() - started) * 1e3, "cpu_ms": (time.process_time() - worked) * 1e3}
        answer = {"messages": forwarded, **took}
    except Exception as error:  # noqa: BLE001  # whatever fails there is the rival's answer
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()
