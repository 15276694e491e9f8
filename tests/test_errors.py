from __future__ import annotations

import pytest

from narrows import errors
from narrows.errors import GatewayError, SettingsError

LEAVES = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, GatewayError) and error is not SettingsError
]

BACKENDS_OWN: dict[type[GatewayError], tuple[int, str]] = {
    errors.AgentCredentials: (401, "authentication_error"),
    errors.AgentWaiting: (409, "server_error"),
    errors.AgentRateLimited: (429, "server_error"),
    errors.AgentTimeout: (504, "timeout_error"),
}
"""What an agent says of itself keeps its status; its time-out has a type of its own."""


@pytest.mark.parametrize("error", LEAVES)
def test_the_status_says_who_is_to_blame(error: type[GatewayError]) -> None:
    if error.source == "downstream":
        assert 400 <= error.status < 500 or error.status == 508
        assert error.type == ("requests" if error is errors.RateLimited else "invalid_request_error")
    elif error.source == "backend" and error in BACKENDS_OWN:
        assert (error.status, error.type) == BACKENDS_OWN[error]
    else:
        assert 500 <= error.status < 600
        assert error.type == "server_error"


@pytest.mark.parametrize("error", [error for error in LEAVES if error is not GatewayError])
def test_every_error_stands_in_the_tree_with_its_status(error: type[GatewayError]) -> None:
    line = next(line for line in (errors.__doc__ or "").splitlines() if f"-- {error.__name__} " in line)
    if not error.__subclasses__():
        assert str(error.status) in line


def test_an_error_carries_what_a_client_needs() -> None:
    assert errors.AgentFailed("x", may_have_acted=True).may_have_acted
    assert not errors.AgentFailed("x").may_have_acted
    error = errors.Overloaded("no room; try again", param="messages", retry_after_s=2)
    assert (str(error), error.message, error.param, error.retry_after_s) == (
        "no room; try again",
        "no room; try again",
        "messages",
        2,
    )


def test_all_problems_of_settings_are_in_one_error() -> None:
    error = SettingsError(("one", "two"))
    assert error.problems == ("one", "two")
    assert str(error) == "one; two"
