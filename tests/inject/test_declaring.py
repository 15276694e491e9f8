"""What every wire checks of tools and of the requests they go into."""

from __future__ import annotations

import pytest

from narrows.agents.tools import ClientTool
from narrows.errors import MalformedRequest
from narrows.inject.declaring import open_request, parameters_of
from narrows.inject.types import NotInserted, Obstacle
from tests.inject.cases import CASES, Case

OF_EACH_WIRE = pytest.mark.parametrize("case", CASES, ids=lambda case: case.injector.name)


@OF_EACH_WIRE
@pytest.mark.parametrize("parameters", [b"[]", b'"x"', b"{", b'{"a":"\xff"}', b"{} {}"])
def test_parameters_that_are_no_object_are_the_clients_fault(case: Case, parameters: bytes) -> None:
    with pytest.raises(MalformedRequest, match="`parameters` of the tool `x`") as found:
        case.injector.declare([ClientTool("x", "", parameters)])
    assert found.value.param == "tools"


@OF_EACH_WIRE
def test_two_tools_of_one_name_are_the_clients_fault(case: Case) -> None:
    with pytest.raises(MalformedRequest, match="two tools are called `x`"):
        case.injector.declare([ClientTool("x"), ClientTool("y"), ClientTool("x")])


@pytest.mark.parametrize("parameters", [b"", b"null", b" \n"])
def test_no_parameters(parameters: bytes) -> None:
    assert parameters_of(ClientTool("x", "", parameters)) == b""


def test_a_key_that_nobody_watches_may_stand_twice() -> None:
    opened = open_request(b'{"x":1,"x":2,"tools":null}', ["tools"], ["tools"])
    assert not isinstance(opened, NotInserted)
    assert opened.is_absent("tools")
    assert open_request(b'{"x":1,"x":2}', ["x"], []) == NotInserted(Obstacle.DUPLICATE_KEY, "x")
