"""Which hosts are this machine, which URLs lead to what listens here, and which hosts a list of them names."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only: `localhost`, `127.0.0.0/8` or `::1`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def local_url(host: str, port: int) -> str:
    """The URL at which programs on this machine find what listens there: no client connects to a wildcard address
    everywhere."""
    found = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{found}]:{port}" if ":" in found else f"http://{found}:{port}"


def names_listener(url: str, host: str, port: int) -> bool:
    """Whether `url` leads to what listens on `host` and `port`; port 0 is not known yet and equals none."""
    parts = urlsplit(url)
    url_port = parts.port or (443 if parts.scheme == "https" else 80)
    url_host = (parts.hostname or "").lower()
    same = url_host == host.lower() or (is_loopback(url_host) and (is_loopback(host) or _is_wildcard(host)))
    return same and url_port == port


def is_listed(host: str, port: int, no_proxy: str) -> bool:
    """Whether a NO_PROXY list names a host: by its name or one above it, its address, its network, or `*`; a port
    limits an entry to itself. Commas or blanks stand between entries, which follow curl's and Go's reading."""
    return any(_names(entry.lower(), host.lower().rstrip("."), port) for entry in no_proxy.replace(",", " ").split())


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _names(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    name, entry_port = _split_port(entry)
    if entry_port is not None and entry_port != port:
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        suffix = name.removeprefix("*").strip(".")
        return bool(suffix) and (host == suffix or host.endswith("." + suffix))
    try:
        return address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def _split_port(entry: str) -> tuple[str, int | None]:
    """An entry without its port, and that; IPv6 addresses have one only behind brackets."""
    if entry.startswith("["):
        name, _, rest = entry[1:].partition("]")
        digits = rest.removeprefix(":")
    elif entry.count(":") == 1:
        name, _, digits = entry.partition(":")
    else:
        name, digits = entry, ""
    return name, int(digits) if digits.isascii() and digits.isdigit() else None
