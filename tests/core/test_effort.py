from __future__ import annotations

import pytest

from narrows.core.effort import Effort, OutOfEffortError


def test_steps_are_spent_and_then_no_more() -> None:
    effort = Effort(5)
    effort.spend(3)
    effort.spend(2)
    assert effort.steps == 0
    with pytest.raises(OutOfEffortError):
        effort.spend(1)
