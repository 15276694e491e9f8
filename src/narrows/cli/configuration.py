"""From a command line to settings: the flags of the table, the environment, and the TOML file.

The file is `--config FILE`, else the one NARROWS_CONFIG names, else `narrows.toml` in the working directory if there is
one. This is the only place where the environment is read for settings.
"""

from __future__ import annotations

import os
import tomllib
from argparse import SUPPRESS, ArgumentParser, Namespace, _ArgumentGroup
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from narrows.errors import SettingsError
from narrows.settings import CONFIG_VARIABLE, SETTINGS, Group, ParsedSettings, Setting, parse, upstream_key

DEFAULT_FILE = "narrows.toml"


def add_setting_flags(parser: ArgumentParser, *, groups: Collection[Group] = tuple(Group)) -> None:
    """Give `parser` `--config` and a flag for every setting of the table, or for those of some groups of it."""
    parser.add_argument("--config", metavar="FILE", help=f"TOML file of settings (default: {DEFAULT_FILE}, if there)")
    for group in groups:
        section = parser.add_argument_group(group)
        for setting in SETTINGS:
            if setting.about.group is group and setting.has_flag:
                _add_flag(section, setting)


def _add_flag(section: _ArgumentGroup, setting: Setting) -> None:
    """A flag's value stays text: `settings.parse` reads it, as it reads the other places. A switch may stand alone."""
    shown = setting.show(setting.default)
    words = setting.about.help.replace("`", "").replace("%", "%%")
    help_text = f"{words} [{shown}]" if shown else words
    switch = isinstance(setting.default, bool)
    section.add_argument(
        setting.flag,
        dest=setting.name,
        metavar="true|false" if switch else setting.about.form.metavar,
        help=help_text,
        default=SUPPRESS,
        nargs="?" if switch else None,
        const="true" if switch else None,
    )


def settings_file(arguments: Namespace) -> Path:
    """The TOML file that is read, whether it is there or not."""
    return Path(arguments.config or os.environ.get(CONFIG_VARIABLE) or DEFAULT_FILE)


def read_document(arguments: Namespace) -> dict[str, object]:
    """What the TOML file says now.

    Raises:
        SettingsError: it cannot be read.
    """
    return _read_toml(arguments.config or os.environ.get(CONFIG_VARIABLE))


def flag_words(arguments: Namespace) -> list[str]:
    """The settings' flags of a parsed command line, to be given to another process."""
    words = [f"--config={arguments.config}"] if arguments.config else []
    given = (setting for setting in SETTINGS if hasattr(arguments, setting.name))
    return [*words, *(f"{setting.flag}={getattr(arguments, setting.name)}" for setting in given)]


def read_settings(
    arguments: Namespace, *, serving: bool = True, document: dict[str, object] | None = None
) -> ParsedSettings:
    """The settings of a parsed command line, this process's environment and the TOML file, or, in the file's stead, of
    a document that was read from it before.

    Raises:
        SettingsError: with every problem, an unreadable file among them.
    """
    flags = {setting.name: getattr(arguments, setting.name) for setting in SETTINGS if hasattr(arguments, setting.name)}
    named = arguments.config or os.environ.get(CONFIG_VARIABLE)
    try:
        toml = _read_toml(named) if document is None else document
    except SettingsError as error:
        # The rest is judged too, except for what the file might have given.
        raise SettingsError((*error.problems, *_problems(flags))) from None
    parsed = parse(flags, os.environ, toml, file=named or DEFAULT_FILE, serving=serving)
    return _with_key_file(parsed) if serving else parsed


def _with_key_file(parsed: ParsedSettings) -> ParsedSettings:
    """With the upstream's key out of the file that is named for it, if one is."""
    path = parsed.settings.upstream_key_file
    if not path:
        return parsed
    try:
        key = upstream_key(Path(path).read_text(encoding="utf-8").strip())
    except OSError as error:
        raise SettingsError((f"upstream_key_file {path}: cannot be read ({error.strerror})",)) from None
    except UnicodeDecodeError:
        raise SettingsError((f"upstream_key_file {path}: is not text",)) from None
    except ValueError as error:
        raise SettingsError((f"upstream_key_file {path}: {error}",)) from None
    return replace(parsed, settings=replace(parsed.settings, upstream_key=key))


def _problems(flags: dict[str, str]) -> tuple[str, ...]:
    try:
        parse(flags, os.environ, {}, serving=False)
    except SettingsError as error:
        return error.problems
    return ()


def _read_toml(named: str | None) -> dict[str, object]:
    if named is None and not Path(DEFAULT_FILE).exists():
        return {}
    path = Path(named or DEFAULT_FILE)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError((f"{path}: cannot be read ({error.strerror})",)) from None
    except (ValueError, RecursionError) as error:  # tomllib has no error of its own for what is too deep or too long
        raise SettingsError((f"{path}: is not TOML ({error})",)) from None
