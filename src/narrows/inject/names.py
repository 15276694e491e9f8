"""What tools are called on a wire that does not allow every name, and back.

A name that the wire allows stays. In others each character that it does not allow becomes `_`, a first one that may
not stand first gets `_` before it, and what is too long is cut. Two names never become one: the later gets a number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NameForm:
    """Names that a wire allows: at most `limit` characters, none of which matches `refused`, and the first of which
    does not match `refused_first`."""

    refused: re.Pattern[str]
    refused_first: re.Pattern[str]
    limit: int

    def allows(self, name: str) -> bool:
        """Whether a name can stay as it is."""
        fits = 0 < len(name) <= self.limit
        return fits and not self.refused.search(name) and not self.refused_first.match(name)

    def nearest(self, name: str) -> str:
        """An allowed name that looks like this one."""
        near = self.refused.sub("_", name) or "_"
        if self.refused_first.match(near):
            near = f"_{near}"
        return near[: self.limit]


def wire_names(names: Sequence[str], form: NameForm) -> dict[str, str]:
    """By each of these names, which differ, what it is called on the wire."""
    found = {name: name for name in names if form.allows(name)}
    taken = set(found)
    for name in names:
        if name in found:
            continue
        near, number = form.nearest(name), 1
        one = near
        while one in taken:
            number += 1
            one = f"{near[: form.limit - len(str(number)) - 1]}_{number}"
        found[name] = one
        taken.add(one)
    return found
