"""The policy of a command line: the gateway's, so that what `explain` and `compress` show is what it would do."""

from __future__ import annotations

from argparse import Namespace

from narrows.classifiers import check_loadable, load
from narrows.cli.configuration import read_settings
from narrows.compressors.types import Classifier
from narrows.core.tokens import TOKENIZER
from narrows.policy import Policy


def policy_of(arguments: Namespace) -> tuple[Policy, Classifier | None]:
    """The policy that these flags, the environment and the TOML file make, and its classifier.

    Raises:
        SettingsError: with every problem of the settings, or of the classifier.
    """
    settings = read_settings(arguments, serving=False).settings
    return settings.policy(check_loadable(settings.classifier.value), TOKENIZER), load(settings.classifier.value)
