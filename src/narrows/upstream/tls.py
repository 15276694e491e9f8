"""TLS towards the upstream: verified, always, and HTTP/1.1 only."""

from __future__ import annotations

import ssl

from narrows.errors import SettingsError


def client_context(ca_bundle: str) -> ssl.SSLContext:
    """A context that checks the upstream's certificate and name against the system's authorities, or, where
    `ca_bundle` names a PEM file, against those in it alone.

    Raises:
        SettingsError: the file cannot be read, or holds no certificate.
    """
    try:
        context = ssl.create_default_context(cafile=ca_bundle or None)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError((f"ca_bundle {ca_bundle!r} cannot be used: {error}; name a PEM file",)) from None
    context.set_alpn_protocols(["http/1.1"])
    return context
