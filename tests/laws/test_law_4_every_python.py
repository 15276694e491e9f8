"""Law 4 across interpreters: the same bytes are read alike by every Python that we support.

The possessive groups of Python's `re` kept what a failed round had consumed until 3.11.5 (gh-106052), and Debian 12
ships 3.11.2. So every short string over the characters that matter is compared with a reader that uses no patterns.
"""

from __future__ import annotations

import itertools
import json
import re

from narrows.policy import Scope
from narrows.wire.registry import wire_named
from narrows.wire.types import Located
from tests.house.source_tree import MODULES


def test_every_short_string_is_json_for_us_if_and_only_if_it_is() -> None:
    wire = wire_named("openai_chat")
    for length in range(6):
        for inside in map("".join, itertools.product('"\\u1na', repeat=length)):
            body = '{"messages":[{"role":"user","content":"' + inside + '"}]}'
            assert isinstance(wire.locate(body.encode(), Scope.STABLE), Located) is is_json(body), body


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def test_possessive_groups_are_only_where_a_failed_round_consumes_nothing_that_matters() -> None:
    """A new one needs the same exhaustive comparison on Python 3.11.2 before it may join these."""
    proven = {"core.http1.chunks": 1, "core.http1.heads": 1}
    possessive = re.compile(r"(?<![\\(])\)(?:\*|\+|\?|\{[^}\s]*\})\+")
    found = {module.name: len(possessive.findall(module.text)) for module in MODULES}
    assert {name: count for name, count in found.items() if count} == proven
