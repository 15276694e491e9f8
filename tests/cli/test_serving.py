"""How one process serves and takes other settings; tests/e2e/test_workers.py does the same for several."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.gateways import told, watched_process
from tests.scripted_upstream import ScriptedUpstream

LOGGING = ("--log-level", "info", "--log-format", "text")


async def test_a_changed_file_is_taken_and_a_bad_one_is_not(
    scripted_upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    file = tmp_path / "narrows.toml"
    file.write_text("own_prefix = '/a'\n")
    async with watched_process(scripted_upstream.url, *LOGGING, "--config", str(file)) as gateway:
        assert await told(gateway.url, "/a/healthz") == b'{"status":"ok"}\n'
        file.write_text("own_prefix = '/b'\nlevel = 'off'\nport = 9\n")
        await gateway.says(b" settings_reloaded ")
        assert b'changed=["own_prefix"] waiting=["level"]' in gateway.written, "the port is a flag's, and stays"
        assert (
            b"for all workers together; then prefixes of live conversations will be rewritten once" in gateway.written
        )
        assert await told(gateway.url, "/b/healthz") == b'{"status":"ok"}\n'
        file.write_text("own_prefix = 'c'\nplan_queue = 0\n")
        gateway.signal(signal.SIGHUP)
        await gateway.says(b" settings_rejected ")
        assert b"own_prefix in " in gateway.written
        assert b"plan_queue in " in gateway.written
        assert await told(gateway.url, "/b/healthz") == b'{"status":"ok"}\n'
        gateway.signal(signal.SIGUSR2)
        await gateway.says(b"start it with --workers 2 or more")
        readiness = json.loads(await told(gateway.url, "/b/readyz"))
        assert readiness == {"ready": True, "reasons": []}


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_settings_that_cannot_be_used_end_the_start(workers: str) -> None:
    with pytest.raises(RuntimeError, match=r"narrows serve: ca_bundle 'gone[.]pem' cannot be used"):
        async with watched_process("http://127.0.0.1:9", "--workers", workers, "--ca-bundle", "gone.pem"):
            pass
