"""What keys ask of the other settings, and where the upstream's key comes from.

A gateway that other machines reach and that asks nobody for a key lends its upstream to whoever finds it, and its
upstream's key as well, if it has one. So beyond loopback there are keys, or somebody has said that there need be none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from narrows.settings.choices import KeyField
from narrows.settings.forms import upstream_key
from narrows.settings.hosts import is_loopback
from narrows.settings.table import Settings

_PLACES = ("upstream_key", "upstream_key_env", "upstream_key_file")
_FOR_KEYS = ("forward_gateway_key", "key_max_in_flight", "key_requests_per_minute", "key_body_bytes_per_minute")


def with_upstream_key(
    settings: Settings, sources: Mapping[str, str], environ: Mapping[str, str]
) -> tuple[Settings, list[str]]:
    """The settings with the upstream's key out of the variable that `upstream_key_env` names, and what is wrong."""
    given = [f"{name} ({sources[name]})" for name in _PLACES if getattr(settings, name)]
    if len(given) > 1:
        return settings, [f"the upstream's key is given more than once, by {' and '.join(given)}; leave one of them"]
    name = settings.upstream_key_env
    if not name:
        return settings, []
    try:
        return replace(settings, upstream_key=upstream_key(environ.get(name, "").strip())), []
    except ValueError as error:
        why = error if environ.get(name) else "is not set"
        return settings, [f"upstream_key_env ({sources['upstream_key_env']}) names the variable {name}: it {why}"]


def key_problems(settings: Settings, sources: Mapping[str, str]) -> list[str]:
    """What is wrong with keys and what goes with them."""
    problems: list[str] = []
    if not settings.keys:
        if not is_loopback(settings.host) and not settings.allow_open:
            problems.append(
                f"host {settings.host!r} ({sources['host']}) can be reached from other machines, and no client would"
                " need a key: make one with `narrows key new NAME` and add it under [keys], listen on 127.0.0.1, or"
                " say --allow-open if something in front of the gateway decides who may use it"
            )
        problems += [
            f"{name} ({sources[name]}) is about gateway keys, and there are none: add a table [keys] to the TOML file"
            for name in _FOR_KEYS
            if getattr(settings, name)
        ]
    upstreams = any(getattr(settings, name) for name in _PLACES)
    if settings.upstream_key_header is not KeyField.AUTO and not upstreams:
        problems.append(
            f"upstream_key_header ({sources['upstream_key_header']}) is about the upstream's key, and there is none:"
            " set NARROWS_UPSTREAM_KEY, or give upstream_key_env or upstream_key_file"
        )
    if settings.forward_gateway_key and upstreams:
        problems.append(
            "forward_gateway_key passes the client's key on, and an upstream key takes its place: leave one of them"
        )
    return problems
