from __future__ import annotations

from narrows.backends.types import own_name


def test_an_agents_own_name_of_a_conversation() -> None:
    assert own_name("ses_1") == "ses_1"
    assert own_name("5f3e ses_1") == "ses_1"
