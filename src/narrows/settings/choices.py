"""The settings that are one of a few words."""

from __future__ import annotations

from enum import StrEnum


class LogLevel(StrEnum):
    """From which severity on an event is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(StrEnum):
    """How an event is written; `auto` is text on a terminal and JSON elsewhere."""

    AUTO = "auto"
    JSON = "json"
    TEXT = "text"


class ClassifierName(StrEnum):
    """What judges the texts that the grammars leave undecided."""

    MAGIKA = "magika"
    NONE = "none"


class KeyField(StrEnum):
    """The header in which a model's server expects its key; `auto` knows it from the upstream's host."""

    AUTO = "auto"
    AUTHORIZATION = "authorization"
    X_API_KEY = "x-api-key"
    X_GOOG_API_KEY = "x-goog-api-key"
    API_KEY = "api-key"
