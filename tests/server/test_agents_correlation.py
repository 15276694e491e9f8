"""Which session a model call belongs to, and that it is never another's."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.agents.session import Session
from narrows.errors import NoSuchRoute
from narrows.server.agents.correlation import AgentTraffic, token_digest
from narrows.server.agents.passage import Passage
from tests.agent_stage import agent_settings

URL = "http://127.0.0.1:8787"


def traffic(**changes: Any) -> AgentTraffic:
    made = AgentTraffic(agent_settings(**changes))
    made.gateway_url = URL
    return made


def session(name: str = "s_1", conversation: str = "") -> Session:
    return Session("me", "coder", name, False, 0.0, conversation=conversation)


def passage(token: str = "", header: str = "") -> Passage:
    fields = f"X-Session-Id: {header}\r\n".encode() if header else b""
    return Passage("coder", token.encode(), b"/v1/chat/completions", fields)


def given_token(made: AgentTraffic, one: Session) -> str:
    endpoint = made.endpoint_for(one)
    assert endpoint is not None
    return endpoint.base_url.removeprefix(f"{URL}/narrows/agents/coder/s/").removesuffix("/v1")


def test_an_address_of_its_own() -> None:
    made, one, other = traffic(correlation="endpoint"), session(), session("s_2")
    tokens = [given_token(made, one), given_token(made, other)]
    assert len(set(tokens)) == 2
    assert all(len(token) >= 43 for token in tokens), "256 bits"
    assert [made.call(passage(token), counts=True).session for token in tokens] == ["s_1", "s_2"]
    assert tokens[0].encode() not in one.token


@given(st.binary(max_size=60))
def test_no_other_token_leads_anywhere(token: bytes) -> None:
    made, one = traffic(correlation="endpoint"), session()
    given_token(made, one)
    with pytest.raises(NoSuchRoute):
        made.call(Passage("coder", token or b"x", b"/v1/x", b""), counts=True)


def test_an_address_dies_with_its_conversation_and_with_its_session() -> None:
    made, one = traffic(correlation="endpoint"), session()
    first = given_token(made, one)
    second = given_token(made, one)
    with pytest.raises(NoSuchRoute):
        made.call(passage(first), counts=True)
    assert made.call(passage(second), counts=True).session == "s_1"
    del one
    gc.collect()
    with pytest.raises(NoSuchRoute):
        made.call(passage(second), counts=True)


def test_an_address_outlives_the_gateway() -> None:
    kept = session(conversation="c1")
    kept.token = token_digest(b"T")
    made = AgentTraffic(agent_settings(correlation="endpoint"), (kept,))
    assert made.call(passage("T"), counts=True).session == "s_1"
    assert made.call(passage(header="c1"), counts=True).session == "s_1"


@pytest.mark.parametrize("correlation", ["endpoint", "header", "single"])
def test_the_header_names_the_servers_conversation(correlation: str) -> None:
    made, one = traffic(correlation=correlation, max_runs=1), session(conversation="c1")
    made.opened(one)
    assert made.call(passage(header="c1"), counts=True).session == "s_1"
    assert made.call(passage(header="c2"), counts=True).session is None
    one.conversation = "c3"
    made.opened(one)
    assert made.call(passage(header="c1"), counts=True).session is None, "it was another conversation's"
    assert made.call(passage(header="c3"), counts=True).session == "s_1"


def test_a_token_counts_before_the_header() -> None:
    made, one, other = traffic(correlation="endpoint"), session(), session("s_2", "c2")
    token = given_token(made, one)
    made.opened(other)
    assert made.call(passage(token, "c2"), counts=True).session == "s_1"


def test_calls_under_another_key_than_the_agents_are_nobodys() -> None:
    made, one = traffic(correlation="endpoint", calls_key="robot"), session(conversation="c1")
    token = given_token(made, one)
    made.opened(one)
    for key, found in (("robot", "s_1"), ("alice", None), (None, None)):
        assert made.call(passage(header="c1"), key, counts=True).session == found
        assert made.call(passage(token), key, counts=True).session == "s_1"


def test_the_one_run_there_is_has_every_call_only_where_the_settings_say_so() -> None:
    for correlation, found in (("single", "s_1"), ("header", None)):
        made, one, other = traffic(correlation=correlation, max_runs=1), session(), session("s_2")
        assert made.call(passage(), counts=True).session is None, "there is no run"
        made.run_begins(one, made.run("r1"))
        assert made.call(passage(), counts=True).session == found
        made.run_begins(other, made.run("r2"))
        assert made.call(passage(), counts=True).session is None, "it could be either's"


def test_calls_are_the_runs_as_long_as_it_lasts() -> None:
    made, one = traffic(correlation="header"), session(conversation="c1")
    made.opened(one)
    run = made.run("r1")
    made.run_begins(one, run)
    call = made.call(passage(header="c1"), counts=True)
    assert (call.run, run.calls) == (run, [call])
    assert not call.background
    assert made.call(passage(header="c1"), counts=False).run is None, "a list of models is no model call"
    made.run_ends(one)
    assert made.call(passage(header="c1"), counts=True).run is None
    assert call.background, "it outlived its run"


def test_the_run_of_a_session_is_known_whatever_its_model_calls_do() -> None:
    made, one, other = traffic(), session(), session()
    run = made.run("r1")
    made.run_begins(one, run)
    assert (made.run_of(one), made.run_of(other)) == (run, None)
    made.run_ends(one)
    assert made.run_of(one) is None


def test_an_agent_that_is_not_set_up_for_it() -> None:
    made = traffic()
    assert made.endpoint_for(session()) is None
    with pytest.raises(NoSuchRoute, match="correlation"):
        made.call(passage(), counts=True)


@pytest.mark.parametrize(
    ("wire", "end"), [("openai-chat", "/v1"), ("openai-responses", "/v1"), ("anthropic", ""), ("gemini", "")]
)
def test_the_address_and_the_key_are_as_the_wire_wants_them(wire: str, end: str) -> None:
    made = traffic(correlation="endpoint", model_wire=wire)
    endpoint = made.endpoint_for(session())
    assert endpoint is not None
    start, _, token = endpoint.base_url.removesuffix(end).rpartition("/")
    assert (start, endpoint.api_key, endpoint.wire) == (f"{URL}/narrows/agents/coder/s", "", wire)
    made.lends_key = True
    lent = made.endpoint_for(session())
    assert lent is not None
    assert lent.api_key == "nrw_" + lent.base_url.removesuffix(end).rpartition("/")[2]
    assert token not in lent.api_key
