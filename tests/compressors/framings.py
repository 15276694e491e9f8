"""What collectors, CI systems and harnesses put before each line of an output, times rising, by rule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

START = datetime(2026, 1, 2, 3, 4, 5, 123456)
Before = Callable[[int], str]


def at(i: int) -> datetime:
    return START + timedelta(milliseconds=137 * i + i * i % 91)


def iso(i: int, digits: int = 6, zone: str = "Z", between: str = "T") -> str:
    second = at(i).strftime(f"%Y-%m-%d{between}%H:%M:%S")
    return f"{second}.{at(i).microsecond:06d}{i * 7919 % 1000:03d}"[: len(second) + digits + bool(digits)] + zone


def syslog(i: int) -> str:
    return at(i).strftime("%b %d %H:%M:%S")


def since_start(i: int) -> float:
    return (at(i) - START).total_seconds()


FRAMINGS: dict[str, Before] = {
    "docker --timestamps": lambda i: f"{iso(i, 9)} ",
    "kubectl --timestamps": lambda i: f"{iso(i, 9, '+01:00')} ",
    "docker compose": lambda _: "web-1  | ",
    "docker compose --timestamps": lambda i: f"web-1  | {iso(i, 9)} ",
    "docker service logs": lambda _: "app_web.1.k3v9z8@node-2    | ",
    "kubectl --prefix": lambda _: "[pod/web-7d9c/app] ",
    "CRI": lambda i: f"{iso(i, 9)} stdout F ",
    "journald": lambda i: f"{syslog(i)} build-7 ci[4711]: ",
    "journald, precise": lambda i: f"{syslog(i)}.{at(i).microsecond:06d} build-7 ci.service[4711]: ",
    "journald, iso": lambda i: f"{iso(i, 0, '+0000')} build-7 ci[4711]: ",
    "journald, full": lambda i: f"Fri {iso(i, 0, ' UTC', ' ')} build-7 ci[4711]: ",
    "journald, monotonic": lambda i: f"[{since_start(i) + 12.5:12.6f}] build-7 ci[4711]: ",
    "RFC 3164": lambda i: f"<14>{syslog(i)} build-7 ci[4711]: ",
    "RFC 5424": lambda i: f"<14>1 {iso(i, 3)} build-7 ci 4711 - - ",
    "ts": lambda i: f"{syslog(i)} ",
    "ts -s": lambda i: f"{timedelta(seconds=int(since_start(i)))!s:0>8} ",
    "ts, date and time": lambda i: f"[{iso(i, 6, '', ' ')}] ",
    "ts, since 1970": lambda i: f"{1767323045 + since_start(i):.6f} ",
    "GitHub Actions": lambda i: f"{iso(i, 7)} ",
    "gh run view --log": lambda i: f"build\tRun tests\t{iso(i, 7)} ",
    "GitLab": lambda i: f"{iso(i)} 00O ",
    "Jenkins, UTC": lambda i: f"[{iso(i, 3)}] ",
    "Jenkins": lambda i: at(i).strftime("%H:%M:%S  "),
    "TeamCity": lambda i: at(i).strftime("[%H:%M:%S] :\t [Step 1/2] "),
    "logger": lambda i: f"{iso(i, 0, '', ' ')},123 [INFO] harness: ",
    "a service's tag": lambda _: "[web] ",
}


def framed(text: str, before: Before) -> str:
    """The text below a framing."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    return "".join(f"{before(i)}{line}\n" for i, line in enumerate(lines))
