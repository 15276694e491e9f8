"""Which hosts are this machine, and which URLs lead to what listens here."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only: `localhost`, `127.0.0.0/8` or `::1`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() in ("localhost", "localhost.")


def names_listener(url: str, host: str, port: int) -> bool:
    """Whether `url` leads to what listens on `host` and `port`; port 0 is not known yet and equals none."""
    parts = urlsplit(url)
    url_port = parts.port or (443 if parts.scheme == "https" else 80)
    url_host = (parts.hostname or "").lower()
    same = url_host == host.lower() or (is_loopback(url_host) and (is_loopback(host) or _is_wildcard(host)))
    return same and url_port == port


def _is_wildcard(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
