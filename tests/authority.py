"""A certificate authority for tests, by trustme: its certificates pass the strict checks of every Python."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

NAME = "test authority"


@dataclass(frozen=True, slots=True)
class Authority:
    """`bundle` holds the authority's certificate alone."""

    bundle: Path
    authority: trustme.CA

    def server_context(self, name: str = "localhost", address: str = "127.0.0.1") -> ssl.SSLContext:
        """A server with a certificate for `name` and `address`."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(name, address).configure_cert(context)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context


def make_authority(folder: Path) -> Authority:
    """A new authority, whose bundle lies in `folder`."""
    authority = trustme.CA(organization_name=NAME)
    bundle = folder / "ca.pem"
    authority.cert_pem.write_to_path(bundle)
    return Authority(bundle, authority)
