from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.dataplane.__main__ import QUICK_PEERS, parsed
from bench.dataplane.beside import added
from bench.dataplane.gateways import HEADROOM_OFF, HEADROOM_ON, MITMPROXY, PEERS, PORTKEY, is_made
from bench.dataplane.peers import REPOSITORY, Unavailable, run
from bench.dataplane.proxies import DIRECT, EVERYONE, NARROWS, NGINX, Place, command

UPSTREAM = "http://127.0.0.1:7001"


@pytest.mark.parametrize("name", sorted(PEERS))
def test_every_peer_is_pinned_and_told_its_upstream_and_its_port(name: str, tmp_path: Path) -> None:
    peer = PEERS[name]
    how = peer.started(UPSTREAM, 7002, tmp_path, None)
    told = " ".join([*how.words, how.fields.decode()])
    assert UPSTREAM in told
    assert "7002" in told
    assert peer.version.rpartition("@")[2].rpartition("==")[2][0].isdigit()
    assert f"{REPOSITORY}/.venv-bench-" in told
    assert not {key for key in how.env if "KEY" in key or "TOKEN" in key} - {"TIKTOKEN_CACHE_DIR"}


def test_what_each_is_set_to(tmp_path: Path) -> None:
    words = {name: PEERS[name].started(UPSTREAM, 7002, tmp_path, None).words for name in PEERS}
    assert "stream_large_bodies=1" in words[MITMPROXY]
    assert {"--no-rate-limit", "--no-cache"} <= set(words[HEADROOM_ON])
    assert [*words[HEADROOM_ON], "--no-optimize"] == words[HEADROOM_OFF]
    fields = PEERS[PORTKEY].started(UPSTREAM, 7002, tmp_path, None).fields
    assert fields.endswith(b"\r\n")
    assert b"x-portkey-custom-host: http://127.0.0.1:7001/v1\r\n" in fields


def test_a_whole_run_has_everyone_and_only_a_whole_run_is_one() -> None:
    whole = parsed([])
    assert (whole.whole, whole.peers) == (True, list(EVERYONE))
    quick = parsed(["--quick"])
    assert (quick.whole, quick.peers) == (False, list(QUICK_PEERS))
    some = parsed(["--peers", "nginx,mitmproxy"])
    assert (some.whole, some.peers) == (False, ["nginx", "mitmproxy"])


def test_a_peer_that_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["--peers", "nginx,squid"])
    assert "no such peers: squid" in capsys.readouterr().err


def test_what_a_proxy_adds_is_taken_round_by_round() -> None:
    samples = {DIRECT: [10.0, 20.0], "narrows": [15.0, 30.0], "nginx": [12.0]}
    assert added(samples) == {"narrows": [5.0, 10.0], "nginx": [2.0]}


def test_an_environment_made_for_other_versions_is_not_made(tmp_path: Path) -> None:
    assert not is_made(tmp_path, ["a==1"])
    (tmp_path / ".made").write_text("a==1\nb==2", encoding="utf-8")
    assert is_made(tmp_path, ("a==1", "b==2"))
    assert not is_made(tmp_path, ("a==1", "b==3"))
    assert not is_made(tmp_path, ("a==1",))


def test_a_command_that_fails_says_why() -> None:
    said = r"npm error code X\nnpm FetchError: refused\nsee the log"
    script = f"import sys; print('{said}', file=sys.stderr); sys.exit(1)"
    with pytest.raises(Unavailable, match=r"failed: npm FetchError: refused$"):
        run([sys.executable, "-c", script])
    with pytest.raises(Unavailable, match=r"^/no/such failed: "):
        run(["/no/such"])
    run([sys.executable, "-c", ""])


@pytest.mark.parametrize("name", EVERYONE)
def test_everyone_is_told_whose_certificates_to_trust(name: str, tmp_path: Path) -> None:
    plain = Place(tmp_path, frozenset({0}), 7001)
    authority = str(tmp_path / "ca.pem")
    trusting = command(name, replace(plain, ca=tmp_path / "ca.pem"))
    files = [file.read_text(encoding="utf-8") for file in tmp_path.glob("*.c*")]
    assert any(authority in told for told in [*trusting.words, *(trusting.env or {}).values(), *files])
    assert not any(authority in told for told in command(name, plain).words)


def test_one_worker_or_several(tmp_path: Path) -> None:
    place = Place(tmp_path, frozenset({0}), 7001)
    assert "--workers" not in command(NARROWS, place).words
    assert command(NARROWS, replace(place, workers=2)).words[-2:] == ["--workers", "2"]
    for more, spread in ((replace(place, workers=2), True), (replace(place, workers=2, one_socket=True), False)):
        text = Path(command(NGINX, more).words[-1]).read_text(encoding="ascii")
        assert "worker_processes 2;" in text
        assert ("reuseport" in text) is spread
