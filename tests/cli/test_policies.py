from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

import pytest

from narrows.classifiers import check_loadable
from narrows.cli.configuration import add_setting_flags
from narrows.cli.policies import policy_of
from narrows.core.tokens import TOKENIZER
from narrows.errors import SettingsError
from narrows.policy import Policy


def arguments(*words: str) -> Namespace:
    parser = ArgumentParser()
    add_setting_flags(parser)
    return parser.parse_args(words)


@pytest.fixture(autouse=True)
def in_an_empty_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_without_words_it_is_the_gateways_default() -> None:
    policy, classifier = policy_of(arguments())
    assert policy == Policy(classifier=check_loadable("magika"), tokenizer=TOKENIZER)
    assert classifier is not None
    assert classifier.version == policy.classifier


def test_no_classifier_where_none_is_said() -> None:
    policy, classifier = policy_of(arguments("--classifier", "none", "--level", "lossless"))
    assert (policy.classifier, policy.level.value, classifier) == ("none", "lossless", None)


def test_wrong_settings_are_an_error() -> None:
    with pytest.raises(SettingsError):
        policy_of(arguments("--min-saved-share", "2"))
