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


def prove_loadable(name: str) -> None:
    """Load `name` once in a child process, so that a broken installation is a start error and this process stays small.

    Raises:
        SettingsError: it does not load there; the message carries the last line of what it said.
    """
    if name == "none":
        return
    code = "import sys; from narrows.classifiers import load; load(sys.argv[1]).classify('probe ' * 100)"
    child = subprocess.run(
        [sys.executable, "-c", code, name], capture_output=True, text=True, timeout=_CHILD_TIMEOUT_S, check=False
    )
    if child.returncode != 0:
        said = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
        raise SettingsError((f"classifier: {name!r} is installed but cannot be loaded: {said}",))


def load(name: str) -> Classifier | None:
    """The classifier of this name; None for "none". Its model is loaded by the first call, not here.

    Raises:
        SettingsError: as `check_loadable`.
    """
    return None if check_loadable(name) == "none" else MagikaClassifier()
