"""Names on a wire that does not allow all of them: allowed, different, and the same each time."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from narrows.inject.names import NameForm, wire_names

FORM = NameForm(re.compile(r"[^a-zA-Z0-9_.:-]"), re.compile(r"[^a-zA-Z_]"), 12)


@given(st.lists(st.text("aZ1-_.é /", max_size=15), unique=True, max_size=8))
def test_every_name_becomes_another_that_is_allowed(names: list[str]) -> None:
    found = wire_names(names, FORM)
    assert found.keys() == set(names)
    assert all(map(FORM.allows, found.values()))
    assert len(set(found.values())) == len(names)
    assert all(found[name] == name for name in names if FORM.allows(name))
    assert wire_names(names, FORM) == found


def test_a_name_stays_readable() -> None:
    names = ["7zip", "-x", "a b", "a_b", "é", "averyveryverylongname", "averyveryverylongnam2"]
    found = wire_names(names, FORM)
    assert [found[name] for name in names] == ["_7zip", "_-x", "a_b_2", "a_b", "_", "averyveryver", "averyveryv_2"]
