"""Agents' sessions in an SQLite file, so that they outlive the gateway.

A row holds names, digests and numbers, and no text of a conversation but calls of a client's tools: those that an agent
waits for, as long as it waits, and those that stand in its model calls, with their outputs. It says what is true if the
gateway dies at this moment: a session that is in use has no row, or, where it was named, one that promises nothing
about its steps. A file that cannot be written any more costs the sessions after the next start, and no request.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from narrows.agents.calls import ExpiredCall, PendingCall
from narrows.agents.session import Session
from narrows.errors import SettingsError

_VERSION = 2
_LOCK_TIMEOUT_S = 1.0
_TABLES = (
    """CREATE TABLE IF NOT EXISTS sessions (
    agent TEXT NOT NULL, owner TEXT NOT NULL, name TEXT NOT NULL, named INTEGER NOT NULL, used_s REAL NOT NULL,
    key BLOB NOT NULL, conversation TEXT NOT NULL, steps INTEGER, id TEXT NOT NULL, tools BLOB NOT NULL,
    calls BLOB NOT NULL, held INTEGER NOT NULL, token BLOB NOT NULL, exchanges BLOB NOT NULL,
    PRIMARY KEY (agent, owner, name)
) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS expired_calls (
    agent TEXT NOT NULL, id TEXT NOT NULL, owner TEXT NOT NULL, at_s REAL NOT NULL, PRIMARY KEY (agent, id)
) WITHOUT ROWID""",
)
_PUT = "INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_DROP = "DELETE FROM sessions WHERE agent = ? AND owner = ? AND name = ?"
_COLUMNS = "owner, name, named, used_s, key, conversation, steps, id, tools, calls, held, token, exchanges"
_ALL = f"SELECT {_COLUMNS} FROM sessions WHERE agent = ? ORDER BY used_s"
_EXPIRE = "INSERT OR REPLACE INTO expired_calls VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM expired_calls WHERE agent = ? AND id = ?"
_ALL_EXPIRED = "SELECT id, owner, at_s FROM expired_calls WHERE agent = ? ORDER BY at_s"
_CALLS: Final = msgspec.json.Decoder(tuple[PendingCall, ...])
_EXCHANGES: Final = msgspec.msgpack.Decoder(list[bytes])


class SessionStore:
    """The file. `fault` is told when it cannot be written."""

    def __init__(self, path: str, fault: Callable[[BaseException], None]) -> None:
        """Raises SettingsError: it cannot be opened, or is no such file."""
        self._fault = fault
        try:
            Path(path).touch(mode=0o600)  # its owner's alone, and so are the files that SQLite puts beside it
            self._database = sqlite3.connect(path, isolation_level=None, timeout=_LOCK_TIMEOUT_S)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")  # a second gateway would share our sessions
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = NORMAL")
            self._database.execute("PRAGMA secure_delete = ON")  # what a call said goes when it is answered
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            if version not in (0, _VERSION):
                raise SettingsError((f"agent_sessions_file {path}: it was written by another version of the gateway",))
            for table in _TABLES:
                self._database.execute(table)
            self._database.execute(f"PRAGMA user_version = {_VERSION}")
        except (sqlite3.Error, OSError) as error:
            raise SettingsError((f"agent_sessions_file {path}: cannot be used ({error})",)) from None

    def of(self, agent: str) -> list[Session]:
        """An agent's sessions, the longest unused first."""
        found = []
        for owner, name, named, *state, calls, held, token, exchanges in self._rows(_ALL, agent):
            one = Session(owner, agent, name, bool(named), *state)
            one.calls, one.held, one.token = _CALLS.decode(calls), bool(held), token
            one.exchanges = _EXCHANGES.decode(exchanges)
            found.append(one)
        return found

    def expired_of(self, agent: str) -> list[ExpiredCall]:
        """An agent's expired calls, the oldest first."""
        return [ExpiredCall(*row) for row in self._rows(_ALL_EXPIRED, agent)]

    def put(self, session: Session) -> None:
        one = session
        names = (one.agent, one.owner, one.name, one.named, one.used_s, one.key, one.conversation, one.steps)
        exchanges = msgspec.msgpack.encode(one.exchanges)
        waits = (one.id, one.tools, msgspec.json.encode(one.calls), one.held)
        self._execute(_PUT, (*names, *waits, one.token, exchanges))

    def expire(self, agent: str, calls: Sequence[ExpiredCall]) -> None:
        for call in calls:
            self._execute(_EXPIRE, (agent, call.id, call.owner, call.at_s))

    def forget(self, agent: str, ids: Sequence[str]) -> None:
        for id_ in ids:
            self._execute(_FORGET, (agent, id_))

    def drop(self, session: Session) -> None:
        self._execute(_DROP, (session.agent, session.owner, session.name))

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _rows(self, statement: str, agent: str) -> list[Any]:
        return self._database.execute(statement, (agent,)).fetchall()

    def _execute(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            self._database.execute(statement, values)
        except sqlite3.Error as error:
            self._fault(error)
