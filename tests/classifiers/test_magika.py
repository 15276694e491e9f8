"""The classifier's table, its margin, and that it says the same of a text wherever the middle is cut out."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from narrows import classifiers
from narrows.classifiers.magika import LABELS, PINNED, MagikaClassifier
from narrows.errors import SettingsError
from narrows.policy import Kind


@pytest.fixture(scope="module")
def classifier() -> MagikaClassifier:
    return MagikaClassifier()


PYTHON = """import os
from typing import Any


class Thing:
    def run(self, n: int) -> Any:
        return [os.getcwd()] * n
"""


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PYTHON * 20, Kind.SOURCE),
        (json.dumps([{"id": i, "name": f"user {i}"} for i in range(60)]), Kind.JSON),
        ("<!DOCTYPE html><html><head><title>x</title></head><body>" + "<p>word</p>" * 60 + "</body></html>", Kind.HTML),
        ("a,b,c\n" + "\n".join(f"{i},{i * 2},name{i}" for i in range(100)), Kind.TABLE),
    ],
)
def test_sure_labels_become_kinds(classifier: MagikaClassifier, text: str, kind: Kind) -> None:
    assert classifier.classify(text) is kind


def test_inside_the_margin_nothing_is_said(classifier: MagikaClassifier) -> None:
    assert classifier.classify("word and another word, plainly said. " * 40) is None


def test_a_long_middle_changes_nothing(classifier: MagikaClassifier) -> None:
    body = PYTHON * 40
    assert classifier.classify(body + "x = 1\n" * 200_000 + body) is classifier.classify(body + body)


def test_every_label_of_the_table_is_one_the_model_can_say() -> None:
    import magika

    config = Path(magika.__file__).parent / "models" / "standard_v3_3" / "config.min.json"
    assert set(LABELS) <= set(json.loads(config.read_text())["target_labels_space"])


def test_the_pin_is_what_is_installed() -> None:
    assert metadata.version("magika") == PINNED
    assert classifiers.check_loadable("magika") == f"magika-{PINNED}" == MagikaClassifier().version


def test_none_is_no_classifier() -> None:
    assert classifiers.check_loadable("none") == "none"
    assert classifiers.load("none") is None
    classifiers.Proof("none").wait()


def test_an_unknown_name_is_a_start_error_that_lists_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="known: magika, none"):
        classifiers.check_loadable("magica")


def test_a_classifier_that_cannot_be_loaded_is_a_start_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('no runtime on this machine')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SettingsError, match="no runtime on this machine"):
        classifiers.Proof("magika").wait()


def test_a_classifier_that_loads_is_proven() -> None:
    classifiers.Proof("magika").wait()


def test_a_proof_that_nobody_waits_for_any_more_is_stopped() -> None:
    proof = classifiers.Proof("magika")
    proof.stop()
    proof.stop()
    with pytest.raises(SettingsError, match="cannot be loaded: exit status -9"):
        proof.wait()
