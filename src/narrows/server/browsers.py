"""Requests that a web page makes a browser send to this machine, told by what no page can choose: Host and Origin.

A page can have its browser connect to loopback. It can make its own name resolve there and read the answers (DNS
rebinding): then Host is that name. Or it can send a request across sites, whose answer it cannot read, though it costs
what it costs: then Origin is the page's. Programs name an address or `localhost`, and send no Origin.
"""

from __future__ import annotations

import ipaddress
import re

from narrows.core.headers import field, field_values
from narrows.core.http1 import RequestHead

_PORT = re.compile(r":\d*\Z")
_ORIGIN = re.compile(r"https?://([^/?#@]*)", re.IGNORECASE)


def names_another_host(head: RequestHead) -> bool:
    """Whether Host is a name other than `localhost`; a request without one comes from no browser."""
    authority = field(head.fields, b"host")
    return authority is not None and not _is_local(authority.decode("latin-1"))


def comes_from_another_site(head: RequestHead) -> bool:
    """Whether an Origin is no address and not `localhost`: a page of some site, or one that hides which (`null`)."""
    for origin in field_values(head.fields, b"origin"):
        found = _ORIGIN.fullmatch(origin.decode("latin-1"))
        if found is None or not _is_local(found[1]):
            return True
    return False


def _is_local(authority: str) -> bool:
    """Whether it is an address, which no name stands for, or `localhost`."""
    host = _PORT.sub("", authority)
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return host.lower() == "localhost"
    return True
