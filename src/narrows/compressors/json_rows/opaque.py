"""What nobody reads in a string: certificates, keys, archives, images and other data in base64 (level `balanced`).

The middle of such a run is left out where it stands, with a statement of its length; what stands before and after it
stays to the letter. A run is certainly data when it begins like a known format, or is very long. Strings that somebody
has to hand back as they are (tokens of the next page, receipts, signatures) are known by their keys and stay.
"""

from __future__ import annotations

import re

from narrows.compressors.json_rows.notation import quoted

MIN_KNOWN = 200
MIN_ANY = 1000
SHOWN = 24
"""Characters of a run that stay at its start."""

_RUN = re.compile(
    r"(?:[A-Za-z0-9+/]{60,80}\r?\n){3,}[A-Za-z0-9+/]*={0,2}|[A-Za-z0-9+/]{200,}={0,2}|[A-Za-z0-9_-]{200,}={0,2}"
)
_KNOWN = re.compile(r"MI[A-M]|AAAA[A-D]|H4sI|UEsD|iVBORw|/9j/|R0lGOD|JVBER|QlNE|PD94|PHN2|f0VMR|LS0t")
"""The first characters, in base64, of DER, SSH keys, gzip, zip, PNG, JPEG, GIF, PDF, BSD, XML, SVG, ELF and PEM."""
_MIXED = re.compile(r"(?=[^a-z]*[a-z])(?=[^A-Z]*[A-Z])(?=[^0-9]*[0-9])")
_LONG_WORD = re.compile(r"[A-Za-z0-9+]{30}")
_HANDED_BACK = re.compile(
    r"(?i)token|cursor|marker|continu|next|page|offset|handle|receipt|secret|password|credential|signature|state|"
    r"session|cookie|nonce|url|uri|arn|href|link|id$"
)


def cut(text: str, name: str) -> str | None:
    """The string with its data left out, as docs/forms.md says; None where there is none to leave out."""
    if len(text) < MIN_KNOWN or _HANDED_BACK.search(name):
        return None
    written: list[str] = []
    position = 0
    for run in _RUN.finditer(text):
        if not is_data(run[0]):
            continue
        left_out = run.end() - run.start() - SHOWN
        written += [quoted(text[position : run.start() + SHOWN]), f"<{left_out} characters left out>"]
        position = run.end()
    if not written:
        return None
    if position < len(text):
        written.append(quoted(text[position:]))
    return "+".join(written)


def is_data(run: str) -> bool:
    """Whether a long run of base64's letters is data, and not a long path or name."""
    if not (_MIXED.match(run) and _LONG_WORD.search(run)):
        return False
    return len(run) >= MIN_ANY or bool(_KNOWN.match(run))
