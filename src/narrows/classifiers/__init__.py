"""Implementations of the `Classifier` interface, by name (docs/decisions/0002)."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, util

from narrows.classifiers.magika import PINNED, MagikaClassifier
from narrows.compressors.types import Classifier
from narrows.errors import SettingsError

NAMES = ("magika", "none")
"""What the setting `classifier` may say."""

_CHILD_TIMEOUT_S = 60
_CHILD = """import os, sys
getattr(os, "nice", int)(5)
from narrows.classifiers import load
load(sys.argv[1]).classify("probe " * 100)
"""
"""The child steps back a little: it shares the start with the process that is to answer soon."""


def check_loadable(name: str) -> str:
    """The version under which `name` goes into the policy's version, found without loading it.

    Raises:
        SettingsError: the name is unknown, or what it needs is not installed in the pinned version.
    """
    if name == "none":
        return "none"
    if name != "magika":
        raise SettingsError((f"classifier: unknown name {name!r}; known: {', '.join(NAMES)}",))
    if util.find_spec("magika") is None or util.find_spec("onnxruntime") is None:
        raise SettingsError(
            (
                "classifier: 'magika' is configured but the packages magika and onnxruntime are not both installed; "
                f"install magika=={PINNED}, or set classifier to 'none' (texts that no grammar decides are then kept)",
            )
        )
    installed = metadata.version("magika")
    if installed != PINNED:
        raise SettingsError(
            (
                f"classifier: magika {installed} is installed, but decisions are made with {PINNED}: another model can "
                f"decide re-sent texts differently; install magika=={PINNED}",
            )
        )
    return f"magika-{installed}"


class Proof:
    """A classifier being loaded once in a child process, so that a broken installation is a start error and this
    process stays small. It begins at once and runs beside whatever else the start has to do."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._child = None if name == "none" else _begun(name)

    def wait(self) -> None:
        """Wait for the end of it; blocks.

        Raises:
            SettingsError: it does not load there; the message carries the last line of what it said.
        """
        if self._child is None:
            return
        try:
            _, written = self._child.communicate(timeout=_CHILD_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.stop()
            written = f"it was not loaded within {_CHILD_TIMEOUT_S} s"
        if self._child.returncode != 0:
            said = (written.strip().splitlines() or [f"exit status {self._child.returncode}"])[-1]
            raise SettingsError((f"classifier: {self._name!r} is installed but cannot be loaded: {said}",))

    def stop(self) -> None:
        """Give up on it."""
        if self._child is not None and self._child.poll() is None:
            self._child.kill()
            self._child.wait()


def _begun(name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def load(name: str) -> Classifier | None:
    """The classifier of this name; None for "none". Its model is loaded by the first call, not here.

    Raises:
        SettingsError: as `check_loadable`.
    """
    return None if check_loadable(name) == "none" else MagikaClassifier()
