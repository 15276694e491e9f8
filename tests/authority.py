"""A certificate authority for tests, made on the spot with the `openssl` command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Authority:
    """`bundle` holds the authority's certificate alone; certificates are valid for 127.0.0.1 and `name`."""

    folder: Path
    bundle: Path

    def server_context(self, name: str = "localhost", address: str = "127.0.0.1") -> ssl.SSLContext:
        """A server with a certificate for `name` and `address`."""
        key, request, certificate = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        _openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        names = self.folder / f"{name}.cnf"
        names.write_text(f"subjectAltName=DNS:{name},IP:{address}\n")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.bundle, "-CAkey", self.folder / "ca.key", "-days", "2",
            "-out", certificate, "-extfile", names,
        )  # fmt: skip
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context


def make_authority(folder: Path) -> Authority:
    """A new authority, whose files lie in `folder`."""
    bundle = folder / "ca.pem"
    _openssl(
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", bundle, "-days", "2",
        "-subj", "/CN=test authority",
    )  # fmt: skip
    return Authority(folder, bundle)


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60)
