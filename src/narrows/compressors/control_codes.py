"""A terminal's control codes (ECMA-48), which say how text looks and where it goes, and nothing that it says."""

from __future__ import annotations

import re

CODE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|[\]_^P][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC, APC, PM, DCS: titles, links, times of CI systems
    r"|[()*+][0-9A-Za-z]|[=>78cDEHMNOZ])"  # character sets, modes
)

_OF_LOOKS = re.compile(
    r"\x1b(?:\[[0-9;:]*m|\[K|\[\?[0-9;]*[hl]|\(B|[=>]|\](?:[012]|133);[^\x07\x1b\n]*(?:\x07|\x1b\\))\Z"
)


def of_looks_only(text: str) -> bool:
    """Whether no code in a text moves the cursor: what a terminal shows is then the text without them."""
    return all(_OF_LOOKS.match(code) is not None for code in set(CODE.findall(text)))
