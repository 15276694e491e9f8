"""mitmproxy, Portkey's gateway and headroom's proxy: how each is installed, and the settings it is measured with.

Each has an environment of its own and pinned versions. The settings are those that its documents name for this load:
bodies passed on as they come (mitmproxy), no console (Portkey), no rate limit (headroom). Nothing that would do less
work than the others stays on: a cache of whole answers is off, or repeated requests would never reach the upstream.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.dataplane.peers import PIP_WORDS, Unavailable, folder_of, run

MITMPROXY = "mitmproxy"
PORTKEY = "portkey"
HEADROOM_OFF = "headroom-off"
HEADROOM_ON = "headroom-on"

REQUIREMENTS = {
    MITMPROXY: ("mitmproxy==11.0.2",),
    "headroom": ("headroom-ai[proxy]==0.42.0", "uvloop", "httptools", "bpe-openai==0.1.4"),
}
"""mitmproxy: the last release for Python 3.11. headroom: its server is faster with uvloop and httptools; bpe-openai
holds the vocabulary that it counts tokens by, which it would otherwise download."""

PORTKEY_PACKAGE = "@portkey-ai/gateway@1.15.2"

TIKTOKEN_FILES = {
    "o200k_base": "fb374d419588a4632f3f557e76b4b70aebbca790",
    "cl100k_base": "9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
}
"""By vocabulary, the name under which tiktoken looks for it in its cache."""

_UNPACK = """
import gzip, importlib.util, json, pathlib, sys
folder, names = pathlib.Path(sys.argv[1]), json.loads(sys.argv[2])
folder.mkdir(exist_ok=True)
data = pathlib.Path(importlib.util.find_spec("bpe_openai").origin).parent / "data"
for packed in data.glob("*.tiktoken.gz"):
    if packed.name.split(".")[0] in names:
        (folder / names[packed.name.split(".")[0]]).write_bytes(gzip.decompress(packed.read_bytes()))
missing = [name for name in names.values() if not (folder / name).is_file()]
sys.exit(f"without {missing}" if missing else 0)
"""


@dataclass(frozen=True)
class Started:
    """How a peer is started. `ready`: the path that it answers by itself once it is there; none where it passes every
    path on, and is there as soon as it accepts a connection. `fields` are header fields its requests need."""

    words: list[str]
    env: Mapping[str, str]
    ready: str | None = "/healthz"
    fields: bytes = b""


Starting = Callable[[str, int, Path, Path | None], Started]


@dataclass(frozen=True)
class Peer:
    """One of them: what installs it (raises Unavailable), what says how it is started before an upstream (its URL), on
    a port, with a folder for its files, and the authority of an https upstream; and what the reader must know."""

    name: str
    version: str
    install: Callable[[], None]
    started: Starting
    about: tuple[str, ...] = field(default=())


def _plain_environment(home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(home),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "PYTHONUTF8": "1",
    }


def is_made(folder: Path, what: Sequence[str]) -> bool:
    """Whether this environment holds just that; one made for other versions is made anew."""
    made = folder / ".made"
    return made.is_file() and made.read_text(encoding="utf-8").splitlines() == list(what)


def _mark(folder: Path, what: Sequence[str]) -> None:
    (folder / ".made").write_text("\n".join(what), encoding="utf-8")


def _install_python(name: str) -> Path:
    """A new environment with a peer's packages; the interpreter in it."""
    folder = folder_of(name)
    run([sys.executable, "-m", "venv", "--clear", str(folder)])
    run([str(folder / "bin" / "python"), *PIP_WORDS, *REQUIREMENTS[name]])
    return folder / "bin" / "python"


def install_mitmproxy() -> None:
    """Raises Unavailable."""
    folder = folder_of(MITMPROXY)
    if not is_made(folder, REQUIREMENTS[MITMPROXY]):
        _install_python(MITMPROXY)
        _mark(folder, REQUIREMENTS[MITMPROXY])


def _mitmproxy(upstream: str, port: int, folder: Path, ca: Path | None) -> Started:
    options = ["stream_large_bodies=1", "keep_host_header=true", f"confdir={folder / 'mitmproxy'}"]
    if ca is not None:
        options.append(f"ssl_verify_upstream_trusted_ca={ca}")
    words = [str(folder_of(MITMPROXY) / "bin" / "mitmdump"), "--quiet", "--mode", f"reverse:{upstream}"]
    words += ["--listen-host", "127.0.0.1", "--listen-port", str(port)]
    return Started(
        [*words, *(word for option in options for word in ("--set", option))], _plain_environment(folder), None
    )


def install_headroom() -> None:
    """Raises Unavailable."""
    folder = folder_of("headroom")
    if not is_made(folder, REQUIREMENTS["headroom"]):
        python = _install_python("headroom")
        run([str(python), "-c", _UNPACK, str(folder / "tiktoken"), json.dumps(TIKTOKEN_FILES)])
        _mark(folder, REQUIREMENTS["headroom"])


_HEADROOM_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HEADROOM_HARD_WATCHDOG_SECS": "0",
}
"""No look-ups in the network; and a process that has been paused must not take itself for one that hangs, and exit."""


def _headroom(*more: str) -> Starting:
    def started(upstream: str, port: int, folder: Path, ca: Path | None) -> Started:  # noqa: ARG001  # environment's
        home = folder / f"headroom-{port}"
        home.mkdir(exist_ok=True)
        own = folder_of("headroom")
        env = _plain_environment(home) | {"TIKTOKEN_CACHE_DIR": str(own / "tiktoken"), **_HEADROOM_SETTINGS}
        words = [str(own / "bin" / "headroom"), "proxy", "--host", "127.0.0.1", "--port", str(port)]
        words += ["--openai-api-url", upstream, "--no-rate-limit", "--no-cache", "--no-http2", "--no-telemetry"]
        return Started([*words, "--no-subscription-tracking", *more], env, "/livez")

    return started


def install_portkey() -> None:
    """Raises Unavailable."""
    folder = folder_of(PORTKEY)
    if is_made(folder, (PORTKEY_PACKAGE,)):
        return
    if not (shutil.which("node") and shutil.which("npm")):
        raise Unavailable("needs node and npm, which are not on the PATH")
    folder.mkdir(exist_ok=True)
    run(["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", PORTKEY_PACKAGE])
    _mark(folder, (PORTKEY_PACKAGE,))


def _portkey(upstream: str, port: int, folder: Path, ca: Path | None) -> Started:  # noqa: ARG001  # environment's
    server = folder_of(PORTKEY) / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    env = _plain_environment(folder) | {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
    fields = f"x-portkey-provider: openai\r\nx-portkey-custom-host: {upstream}/v1\r\n".encode()
    return Started([shutil.which("node") or "node", str(server), f"--port={port}", "--headless"], env, "/", fields)


_HEADROOM_ABOUT = "its cache of whole answers is off, and so is its limit of 60 requests a minute"
PEERS = {
    peer.name: peer
    for peer in (
        Peer(MITMPROXY, REQUIREMENTS[MITMPROXY][0], install_mitmproxy, _mitmproxy),
        Peer(PORTKEY, PORTKEY_PACKAGE, install_portkey, _portkey, ("told its upstream by two header fields",)),
        Peer(
            HEADROOM_OFF,
            REQUIREMENTS["headroom"][0],
            install_headroom,
            _headroom("--no-optimize"),
            (_HEADROOM_ABOUT,),
        ),
        Peer(
            HEADROOM_ON,
            REQUIREMENTS["headroom"][0],
            install_headroom,
            _headroom(),
            (_HEADROOM_ABOUT, "its model for prose is fetched from a hub, which is out of reach: without it"),
        ),
    )
}
