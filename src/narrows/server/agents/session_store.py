"""Agents' sessions in an SQLite file, so that they outlive the gateway.

A row holds names, digests and numbers, and no text of a conversation. It says what is true if the gateway dies at this
moment: a session that is in use has no row, or, where it was named, one that promises nothing about its steps. A file
that cannot be written any more costs the sessions after the next start, and no request.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from narrows.agents.session import Session
from narrows.errors import SettingsError

_VERSION = 1
_LOCK_TIMEOUT_S = 1.0
_TABLE = """CREATE TABLE IF NOT EXISTS sessions (
    agent TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, named INTEGER NOT NULL, used_s REAL NOT NULL,
    key BLOB NOT NULL, conversation TEXT NOT NULL, steps INTEGER, PRIMARY KEY (agent, owner, name)
) WITHOUT ROWID"""
_PUT = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_DROP = "DELETE FROM sessions WHERE agent = ? AND owner = ? AND name = ?"
_ALL = "SELECT owner, name, named, used_s, key, conversation, steps FROM sessions WHERE agent = ? ORDER BY used_s"


class SessionStore:
    """The file. `fault` is told when it cannot be written."""

    def __init__(self, path: str, fault: Callable[[BaseException], None]) -> None:
        """Raises SettingsError: it cannot be opened, or is no such file."""
        self._fault = fault
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_TIMEOUT_S)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second gateway would share our sessions
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise SettingsError((f"agent_sessions_file {path}: it was written by another version of the gateway",))
            self._database.execute(_TABLE)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.Error as error:
            raise SettingsError((f"agent_sessions_file {path}: cannot be used ({error})",)) from None

    def of(self, agent: str) -> list[Session]:
        """An agent's sessions, the longest unused first."""
        return [
            Session(owner, agent, name, bool(named), used_s, key, conversation, steps)
            for owner, name, named, used_s, key, conversation, steps in self._database.execute(_ALL, (agent,))
        ]

    def put(self, session: Session) -> None:
        one = session
        row = (one.agent, one.owner, one.name, one.named, one.used_s, one.key, one.conversation, one.steps)
        self._execute(_PUT, row)

    def drop(self, session: Session) -> None:
        self._execute(_DROP, (session.agent, session.owner, session.name))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            self._fault(error)
