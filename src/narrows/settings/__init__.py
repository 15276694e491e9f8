"""What a gateway is started with: one table (`table`), how values are written (`forms`), and reading it (`parse`)."""

from narrows.settings.agents import AgentKind, AgentSettings, Correlation, ModelWire, ToolPolicy
from narrows.settings.choices import ClassifierName, KeyField, LogFormat, LogLevel
from narrows.settings.forms import upstream_key
from narrows.settings.hosts import is_listed, is_loopback, local_url, names_listener
from narrows.settings.keys import GatewayKey, KeyLimits
from narrows.settings.parse import CONFIG_VARIABLE, ParsedSettings, parse
from narrows.settings.reload import Reload, reloaded, restarted
from narrows.settings.table import (
    SETTINGS,
    Group,
    Places,
    Setting,
    Settings,
)

__all__ = [
    "CONFIG_VARIABLE",
    "SETTINGS",
    "AgentKind",
    "AgentSettings",
    "ClassifierName",
    "Correlation",
    "GatewayKey",
    "Group",
    "KeyField",
    "KeyLimits",
    "LogFormat",
    "LogLevel",
    "ModelWire",
    "ParsedSettings",
    "Places",
    "Reload",
    "Setting",
    "Settings",
    "ToolPolicy",
    "is_listed",
    "is_loopback",
    "local_url",
    "names_listener",
    "parse",
    "reloaded",
    "restarted",
    "upstream_key",
]
