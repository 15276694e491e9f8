from __future__ import annotations

import urllib.error
import urllib.request

import pytest

from narrows.cli.demo.gateway import running_gateway


def test_the_gateway_is_ready_inside_and_gone_afterwards() -> None:
    with running_gateway("http://127.0.0.1:9/v1") as base_url:
        answer = urllib.request.urlopen(f"{base_url}/healthz", timeout=5)
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{base_url}/healthz", timeout=5)


def test_a_gateway_that_does_not_start_says_why() -> None:
    with pytest.raises(RuntimeError, match="upstream"), running_gateway("not-a-url"):
        pass
