from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version


def test_python_m_narrows_is_narrows() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "narrows", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"narrows {version('narrows')}\n"
