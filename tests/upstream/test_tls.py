"""TLS towards the upstream is verified, against the system's authorities or a bundle's."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from narrows.errors import SettingsError
from narrows.upstream.tls import client_context
from tests.authority import NAME, make_authority


def test_certificates_and_names_are_checked(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    for bundle in ("", str(authority.bundle)):
        context = client_context(bundle)
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    (issuer,) = context.get_ca_certs()
    assert (("organizationName", NAME),) in issuer["subject"]


def test_a_bundle_that_is_none_is_a_settings_error(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate")
    for path in (tmp_path / "absent.pem", tmp_path / "empty.pem", tmp_path):
        with pytest.raises(SettingsError, match="ca_bundle"):
            client_context(str(path))
