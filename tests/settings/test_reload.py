from __future__ import annotations

from dataclasses import fields, replace

import pytest

from narrows.policy import Level
from narrows.settings import SETTINGS, GatewayKey, Group, Settings, reloaded, restarted

RUNNING = Settings(upstream="https://models.example", port=9000)


def test_what_no_edit_depends_on_is_taken_at_once() -> None:
    read = replace(RUNNING, upstream="https://other.example", idle_timeout_s=5.0)
    change = reloaded(RUNNING, read)
    assert change.settings == read
    assert change.changed == ("upstream", "idle_timeout_s")
    assert (change.waiting, change.rewrites) == ((), False)


def test_what_edits_depend_on_waits_for_the_workers_to_be_replaced() -> None:
    read = replace(RUNNING, level=Level.OFF, idle_timeout_s=5.0)
    change = reloaded(RUNNING, read)
    assert change.settings == replace(RUNNING, idle_timeout_s=5.0)
    assert (change.changed, change.waiting, change.rewrites) == (("idle_timeout_s",), ("level",), True)
    assert restarted(RUNNING, read).settings == read


@pytest.mark.parametrize("change", [{"host": "::1"}, {"port": 9001}, {"workers": 3}])
def test_what_the_gateway_is_built_around_waits_for_a_start(change: dict[str, object]) -> None:
    read = replace(RUNNING, **change)  # type: ignore[arg-type] # a field each, of its own type
    for outcome in (reloaded(RUNNING, read), restarted(RUNNING, read)):
        assert outcome.settings == RUNNING
        assert outcome.waiting == tuple(change)
        assert not outcome.rewrites


def test_any_free_port_is_the_one_it_has() -> None:
    assert reloaded(RUNNING, replace(RUNNING, port=0)).waiting == ()


def test_everything_that_makes_the_policy_waits() -> None:
    made_of = {field.name for field in fields(RUNNING.policy("", ""))} & {setting.name for setting in SETTINGS}
    edits = {setting.name for setting in SETTINGS if setting.about.group is Group.EDITS}
    assert made_of | {"classifier"} == edits


def test_no_reload_opens_a_gateway_that_other_machines_reach() -> None:
    keys = (GatewayKey("alice", b"digest"),)
    running = Settings(upstream="https://models.example", host="0.0.0.0", keys=keys)
    for back in ("127.0.0.1", "localhost"):
        change = reloaded(running, Settings(upstream="https://models.example", host=back))
        assert (change.settings.host, change.settings.keys) == ("0.0.0.0", keys)
        assert set(change.waiting) == {"host", "keys"}
    other = (GatewayKey("bob", b"other"),)
    change = reloaded(running, Settings(upstream="https://models.example", host="127.0.0.1", keys=other))
    assert (change.settings.keys, change.waiting) == (other, ("host",))
    change = reloaded(Settings(), Settings(host="0.0.0.0", keys=keys))
    assert (change.settings.host, change.settings.keys) == ("127.0.0.1", keys)
