from __future__ import annotations

from dataclasses import replace

from narrows.policy import Level
from narrows.server.announcing import REWRITES, log_as, new_loop_mark, settings_reloaded, standard_log, started
from narrows.settings import GatewayKey, LogFormat, LogLevel, Settings, reloaded
from narrows.telemetry.events import Stopped
from tests.gateways import settings_for

SETTINGS = settings_for("https://models.example", host="::1", port=1)


def test_the_start_names_where_whereto_and_how_many() -> None:
    event = started(SETTINGS, SETTINGS.policy("none", ""), 8787, 2)
    assert (event.address, event.upstream, event.workers) == ("[::1]:8787", "https://models.example", 2)


def test_the_start_names_the_proxy_without_its_password_and_counts_the_keys() -> None:
    proxied = replace(SETTINGS, upstream_proxy="http://user:S3CR3T@proxy.example:3128", keys=(GatewayKey("a", b"d"),))
    event = started(proxied, SETTINGS.policy("none", ""), 8787)
    assert (event.proxy, event.keys) == ("proxy.example:3128", 1)
    assert "S3CR3T" not in repr(event)
    for other in (SETTINGS, replace(proxied, keys=(), no_proxy="models.example:443")):
        plain = started(other, SETTINGS.policy("none", ""), 8787)
        assert (plain.proxy, plain.keys) == (None, None)


def test_settings_that_wait_and_rewrite_say_so() -> None:
    plain = settings_reloaded(reloaded(SETTINGS, replace(SETTINGS, idle_timeout_s=1.0)))
    assert (plain.changed, plain.waiting, plain.note) == (("idle_timeout_s",), (), None)
    waiting = settings_reloaded(reloaded(SETTINGS, replace(SETTINGS, level=Level.OFF)))
    assert waiting.waiting == ("level",)
    assert REWRITES in str(waiting.note)


def test_marks_differ() -> None:
    assert new_loop_mark() != new_loop_mark()


def test_a_log_can_change_its_level_and_form(capfdbinary: object) -> None:
    loud = Settings(log_level=LogLevel.INFO, log_format=LogFormat.TEXT)
    log = standard_log(SETTINGS, worker=2)
    log.event(Stopped(aborted=1))
    log_as(log, loud)
    log.event(Stopped(aborted=2))
    assert log.close()
    written = capfdbinary.readouterr().err  # type: ignore[attr-defined] # pytest's type has parameters
    assert b"stopped   worker=2 aborted=2" in written
    assert b"aborted=1" not in written
