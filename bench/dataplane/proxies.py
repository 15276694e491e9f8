"""The proxies, each with the settings that its own documents, or measurement, recommend for this load.

One worker, one thread, no access log, connections to the upstream kept open. narrows runs as users start it: its
observer, records and metrics on, and its log, a line for each exchange, written to a file.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.dataplane.bodies import CLIENT_KEY
from bench.dataplane.gateways import PEERS
from bench.dataplane.loop import free_port
from bench.dataplane.peers import (
    REPOSITORY,
    Unavailable,
    haproxy_environment,
    install_haproxy,
    install_litellm,
    litellm_command,
)
from bench.dataplane.processes import Command, Process

DIRECT = "direct"
NARROWS = "narrows"
NGINX = "nginx"
HAPROXY = "haproxy"
BARE = "bare"
"""No gateway: the least that a relay of HTTP in Python on uvloop can be (`bare`)."""
LITELLM = "litellm"


@dataclass(frozen=True)
class Place:
    """Where a proxy runs: its files, its cores, and the upstream's port. `ca` makes the upstream an https one; several
    `workers` are for narrows and nginx, whose workers can also accept from `one_socket`."""

    folder: Path
    cores: frozenset[int]
    upstream_port: int
    ca: Path | None = None
    workers: int = 1
    one_socket: bool = False

    @property
    def upstream(self) -> str:
        return f"{'https' if self.ca else 'http'}://127.0.0.1:{self.upstream_port}"


def start(name: str, place: Place) -> Process:
    """A proxy that answers; raises RuntimeError where it does not start."""
    return Process(command(name, place))


def command(name: str, place: Place) -> Command:
    """How it is started; writes the files it reads."""
    return _COMMANDS[name](place) if name in _COMMANDS else _gateway(name, place)


def _narrows(place: Place) -> Command:
    port = free_port()
    words = [sys.executable, "-m", "narrows", "serve", "--upstream", place.upstream, "--port", str(port)]
    if place.workers > 1:
        words += ["--workers", str(place.workers)]
    if place.ca is not None:
        words += ["--ca-bundle", str(place.ca)]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("NARROWS_", "OPENAI_"))}
    return Command(NARROWS, words, port, place.cores, place.folder, env)


_NGINX = """
daemon off; worker_processes {workers}; user root; pid {folder}/nginx-{port}.pid; error_log stderr error;
worker_rlimit_nofile 20000;
events {{ worker_connections 16384; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 100000000; client_max_body_size 0; client_body_buffer_size 4m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream up {{ server 127.0.0.1:{upstream_port}; keepalive 1024; keepalive_requests 100000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096{reuseport};
    location = /healthz {{ return 200 "ok"; }}
    location / {{
      proxy_pass {scheme}://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      proxy_read_timeout 600s; {tls}
    }}
  }}
}}
"""


def _nginx(place: Place) -> Command:
    port = free_port()
    tls = ""
    if place.ca is not None:
        tls = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {place.ca}; proxy_ssl_name localhost;"
    text = _NGINX.format(
        folder=place.folder,
        port=port,
        upstream_port=place.upstream_port,
        workers=place.workers,
        reuseport=" reuseport" if place.workers > 1 and not place.one_socket else "",
        scheme="https" if place.ca else "http",
        tls=tls,
    )
    file = place.folder / f"nginx-{port}.conf"
    file.write_text(text, encoding="ascii")
    return Command(NGINX, [_nginx_path() or "nginx", "-c", str(file)], port, place.cores, place.folder)


_HAPROXY = """
global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 10s
  timeout client 600s
  timeout server 600s
  option http-no-delay
  http-reuse always
frontend front
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string ok if {{ path /healthz }}
  default_backend back
backend back
  server up 127.0.0.1:{upstream_port} {tls}
"""


def _haproxy(place: Place) -> Command:
    port = free_port()
    tls = f"ssl verify required ca-file {place.ca}" if place.ca else ""
    file = place.folder / f"haproxy-{port}.cfg"
    file.write_text(_HAPROXY.format(port=port, upstream_port=place.upstream_port, tls=tls), encoding="ascii")
    path, env = haproxy_environment()
    return Command(HAPROXY, [str(path), "-f", str(file)], port, place.cores, place.folder, env)


def _bare(place: Place) -> Command:
    port = free_port()
    words = [sys.executable, "-m", "bench.dataplane.bare", str(port), place.upstream]
    if place.ca is not None:
        words.append(str(place.ca))
    paths = os.pathsep.join(filter(None, (str(REPOSITORY), os.environ.get("PYTHONPATH"))))
    env = {**os.environ, "PYTHONPATH": paths}
    return Command(BARE, words, port, place.cores, place.folder, env, ready=None)


_LITELLM = """
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{upstream}/v1", api_key: sk-bench}}
litellm_settings: {{set_verbose: false, num_retries: 0, telemetry: false}}
general_settings: {{master_key: {key}}}
"""


def _litellm(place: Place) -> Command:
    port = free_port()
    file = place.folder / f"litellm-{port}.yaml"
    file.write_text(_LITELLM.format(upstream=place.upstream, key=CLIENT_KEY), encoding="ascii")
    words, env = litellm_command()
    return Command(
        LITELLM, [*words, "--config", str(file), "--host", "127.0.0.1", "--port", str(port)], port, place.cores,
        place.folder, env | _trusting(place),
    )  # fmt: skip


def _gateway(name: str, place: Place) -> Command:
    port = free_port()
    how = PEERS[name].started(place.upstream, port, place.folder, place.ca)
    env = {**how.env, **_trusting(place)}
    return Command(name, how.words, port, place.cores, place.folder, env, how.ready, how.fields)


def _trusting(place: Place) -> dict[str, str]:
    """What makes programs of OpenSSL, of Python's requests and of Node trust the upstream's authority."""
    names = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS") if place.ca else ()
    return {name: str(place.ca) for name in names}


def _nginx_path() -> str | None:
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


_COMMANDS = {NARROWS: _narrows, NGINX: _nginx, HAPROXY: _haproxy, BARE: _bare, LITELLM: _litellm}
EVERYONE = (NGINX, HAPROXY, BARE, LITELLM, *PEERS)


def available(wanted: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Those of `wanted` that can be measured here, installed where that is possible, and why the others cannot."""
    names, skipped = [NARROWS], dict[str, str]()
    if _nginx_path() is None:
        skipped[NGINX] = "not installed (on Debian: apt install nginx-light); there are no ratios without it"
    elif NGINX in wanted:
        names.append(NGINX)
    if BARE in wanted:
        names.append(BARE)
    installs = {HAPROXY: install_haproxy, LITELLM: install_litellm} | {
        peer.name: peer.install for peer in PEERS.values()
    }
    for name, install in installs.items():
        if name in wanted:
            try:
                install()
                names.append(name)
            except Unavailable as error:
                skipped[name] = str(error)
    return names, skipped
