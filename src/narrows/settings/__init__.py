"""What a gateway is started with: one table (`table`), how values are written (`forms`), and reading it (`parse`)."""

from narrows.settings.parse import CONFIG_VARIABLE, ParsedSettings, is_loopback, names_listener, parse
from narrows.settings.table import SETTINGS, ClassifierName, Group, LogFormat, LogLevel, Setting, Settings

__all__ = [
    "CONFIG_VARIABLE",
    "SETTINGS",
    "ClassifierName",
    "Group",
    "LogFormat",
    "LogLevel",
    "ParsedSettings",
    "Setting",
    "Settings",
    "is_loopback",
    "names_listener",
    "parse",
]
