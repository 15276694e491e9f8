"""Telling the allocator to keep memory."""

from __future__ import annotations

import platform
import subprocess
import sys


def test_it_is_told_where_there_is_one_to_tell() -> None:
    """In a process of its own: the setting is for the whole process."""
    code = "from narrows.server.allocator import keep_freed_memory; print(keep_freed_memory())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.strip() == str(platform.libc_ver()[0] == "glibc")
