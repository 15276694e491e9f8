"""What is remembered of an exchange: figures, names and times; never a body, a header value, a key or a text.

That is a rule of shape, not of care: no field is meant for a message, and what others wrote and we repeat (paths,
model names, finish reasons, error codes) is cut to a name's length. An unknown number is None and absent from JSON,
never zero (tenet 3); a field without a default is always there.

These types are also the lines of the event log and the entries of `/narrows/exchanges`, so a field and its meaning are
written once, here. Figures that OpenTelemetry's conventions for generative AI name carry those names in JSON. They are
msgspec structs where the rest of the house uses dataclasses, because one of each is made and encoded for every
exchange: a frozen dataclass of this width costs eight times as much to make.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

from narrows.compressors.types import Reason
from narrows.policy import Kind
from narrows.wire.types import Role

MAX_NAME_CHARS = 128
MAX_PATH_CHARS = 256


class BodyDecision(StrEnum):
    """What was done with a request's body."""

    EDITED = "edited"
    """At least one part was shortened."""
    UNCHANGED = "unchanged"
    """It was planned, and every part was kept."""
    UNTOUCHED = "untouched"
    """It was forwarded without a plan, though a wire knows the path; the reason says why."""
    PROXIED = "proxied"
    """No wire knows the path."""


class PartDecision(StrEnum):
    """What was done with a part."""

    SHORTENED = "shortened"
    KEPT = "kept"


class Outcome(StrEnum):
    """How an exchange ended."""

    ANSWERED = "answered"
    """The upstream's answer, whatever its status, was forwarded to its end."""
    REFUSED = "refused"
    """The gateway answered with an error of its own; `error_code` says which."""
    CANCELLED = "cancelled"
    """The client left before the end."""
    TRUNCATED = "truncated"
    """The upstream's answer broke off, and was passed on broken off; or the gateway had to stop before its end."""


def _is(meaning: str) -> Meta:
    return Meta(description=meaning)


class DecisionRecord(
    Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, tag_field="event", tag="decision"
):
    """A part was decided on for the first time; later turns replay the decision and only count it."""

    decision: Annotated[PartDecision, _is("`shortened` or `kept`")]
    kind: Annotated[Kind, _is("what the text was taken for")]
    reason: Annotated[Reason | None, _is("why it was kept")] = None
    lossless: Annotated[bool | None, _is("whether the shortened text decodes to the source exactly")] = None
    bytes_before: Annotated[int, _is("UTF-8 bytes of the decoded text")]
    bytes_after: Annotated[int, _is("UTF-8 bytes of the text that is forwarded")]
    tokens_before: Annotated[int | None, _is("its tokens before, where they were counted")] = None
    tokens_after: Annotated[int | None, _is("its tokens after")] = None
    encoding: Annotated[str | None, _is("the token encoding that counted")] = None
    encoding_assumed: Annotated[bool | None, _is("true where that encoding stands in for an unknown one")] = None
    role: Annotated[Role, _is("`tool`, `user`, or `observation` (a tool's output in a user's message)")]
    pointer: Annotated[str, _is("RFC 6901 JSON pointer of the part in the request's body")]
    request_id: Annotated[str, _is("the request that brought the part")]


class PlanFigures(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What planning a request's body came to."""

    decision: Annotated[
        BodyDecision, _is("`edited`, `unchanged` (planned, all parts kept), `untouched` (not planned) or `proxied`")
    ]
    reason: Annotated[str | None, _is("why the body is untouched")] = None
    parts: Annotated[int | None, _is("eligible parts of the body, where it was planned")] = None
    shortened: Annotated[Mapping[Kind, int], _is("shortened parts by kind, replayed ones included")] = field(
        default_factory=dict
    )
    kept: Annotated[Mapping[Reason, int], _is("kept parts by reason, replayed ones included")] = field(
        default_factory=dict
    )
    tokens_before: Annotated[
        int | None,
        _is("tokens of the shortened parts before, as the gateway counts; without those over 4,000,000 characters"),
    ] = None
    tokens_after: Annotated[int | None, _is("the same parts' tokens as forwarded")] = None
    encoding: Annotated[str | None, _is("the token encoding that counted them")] = None
    encoding_assumed: Annotated[bool | None, _is("true where that encoding stands in for an unknown one")] = None
    cache_hits: Annotated[int | None, _is("decisions replayed from the cache")] = None
    cache_misses: Annotated[
        int | None, _is("decisions made for this exchange, but those that a part's size alone makes")
    ] = None


PROXIED = PlanFigures(decision=BodyDecision.PROXIED)

_RESPONSE_NAMES = {
    "id": "gen_ai.response.id",
    "model": "gen_ai.response.model",
    "finish_reasons": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}


class ResponseFigures(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True, rename=_RESPONSE_NAMES):
    """What was observed of an answer, without its texts."""

    id: Annotated[str | None, _is("the answer's id")] = None
    model: Annotated[str | None, _is("the model that answered")] = None
    finish_reasons: Annotated[tuple[str, ...], _is("of each choice that has one")] = ()
    input_tokens: Annotated[int | None, _is("input tokens, as the model's server reports them")] = None
    output_tokens: Annotated[int | None, _is("output tokens, likewise")] = None
    cached_tokens: Annotated[int | None, _is("input tokens read from the provider's cache, likewise")] = None
    reasoning_tokens: Annotated[int | None, _is("reasoning tokens, likewise")] = None
    choices: Annotated[int, _is("number of choices")]
    text_chars: Annotated[int, _is("characters of text, over all choices")]
    reasoning_chars: Annotated[int, _is("characters of reasoning")]
    refusal_chars: Annotated[int, _is("characters of refusal")]
    tool_calls: Annotated[int, _is("number of tool calls")]
    chunks: Annotated[int, _is("events of a stream")]
    done: Annotated[bool, _is("whether the answer's own end mark was seen")]
    errors: Annotated[tuple[str, ...], _is("codes or types of errors inside the answer")] = ()
    unparsed: Annotated[int, _is("events or bodies that could not be read")]
    dropped: Annotated[str | None, _is("why the answer was not, or not wholly, observed")] = None


class AgentFigures(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What became of a request that an agent answered, or was to answer."""

    name: Annotated[str, _is("the agent, as the settings name it")]
    run: Annotated[str, _is("the state of its run when the exchange ended")]
    session: Annotated[str | None, _is("the session, as in the answer's `x-narrows-session`")] = None
    use: Annotated[
        str | None,
        _is("`new`, `reused`, `resumed` with outputs of tools, or `retold`: a fresh one was told the whole history"),
    ] = None
    tools: Annotated[int, _is("the client's tools that the agent was offered")] = 0
    tools_unheard: Annotated[
        bool,
        _is("true where they are offered on the agent's model calls, and it answered without one that carried them"),
    ] = False
    tool_calls: Annotated[int, _is("calls of these that the answer ended with")] = 0
    tool_outputs: Annotated[int, _is("outputs that the request brought for calls that waited")] = 0
    revised: Annotated[bool, _is("true where the agent changed a text of which a part had been sent")] = False
    input_tokens: Annotated[
        int | None,
        _is(
            "input tokens of the agent's model calls, as seen when they passed here, or else as its server reports them"
        ),
    ] = None
    output_tokens: Annotated[int | None, _is("output tokens, likewise")] = None
    model_calls: Annotated[int | None, _is("model calls for the answer that passed here, where any did")] = None
    background_calls: Annotated[int | None, _is("those that passed here for other ends, such as a title")] = None
    background_input_tokens: Annotated[int | None, _is("their input tokens, as seen")] = None
    background_output_tokens: Annotated[int | None, _is("their output tokens")] = None


class AgentCallFigures(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Which agent made a model call, or asked the gateway for its client's tools, and what for."""

    agent: Annotated[str, _is("the agent, as the settings name it")]
    session: Annotated[str | None, _is("its session, where that is known")] = None
    run: Annotated[str | None, _is("the request that its run answers, by `request_id`, where there is a run")] = None
    mcp: Annotated[str | None, _is("what it asked its session's MCP server for, where it is no model call")] = None
    background: Annotated[
        bool, _is("true where the call is overhead, as far as could be said: outside a run, or for other ends")
    ] = False
    tools: Annotated[int, _is("tools of the client's that were put into it")] = 0
    exchanges: Annotated[int, _is("earlier calls of theirs, with their outputs, that were put into it")] = 0
    exchanges_lost: Annotated[int, _is("those that had no place there, as the agent has changed its history")] = 0
    withheld: Annotated[int, _is("calls of these tools that the model made, and the agent has not seen")] = 0


class Timings(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Seconds."""

    total_s: Annotated[float, _is("from the request's first byte to the end of the exchange")]
    overhead_s: Annotated[
        float | None,
        _is("added by the gateway: from the request's last byte until it is ready to go upstream, if it was"),
    ] = None
    locate_s: Annotated[float | None, _is("to find the parts of the body")] = None
    plan_s: Annotated[float | None, _is("to decide on the parts, waiting included")] = None
    first_byte_s: Annotated[
        float | None, _is("from the request's first byte to the first of the upstream's answer")
    ] = None
    first_chunk_s: Annotated[float | None, _is("from the request's first byte to the first of the answer's body")] = (
        None
    )


class ExchangeRecord(
    Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="event",
    tag="exchange",
    rename={"model": "gen_ai.request.model"},
):
    """A request and its answer, when both are over. An overlong path or model name is cut here."""

    status: Annotated[int | None, _is("the status that the client was sent, if any")] = None
    method: Annotated[str, _is("the request's method")]
    path: Annotated[str, _is("the request's path, without its query")]
    outcome: Annotated[
        Outcome, _is("`answered`, `refused` (by the gateway), `cancelled` (by the client) or `truncated`")
    ]
    error_code: Annotated[str | None, _is("the gateway's own error, where it made the answer")] = None
    key: Annotated[str | None, _is("the name of the gateway key that was shown, or for which it counts")] = None
    limit: Annotated[str | None, _is("the limit of that key for which it was refused")] = None
    wire: Annotated[str, _is("the format; absent where no wire knows the path")] = ""
    model: Annotated[str | None, _is("the model asked for")] = None
    stream: Annotated[bool | None, _is("whether a stream was asked for, where the body says")] = None
    request_bytes: Annotated[int, _is("the request's body as received")]
    forwarded_bytes: Annotated[int, _is("the request's body as sent upstream")]
    response_bytes: Annotated[int, _is("the answer's body as passed on")]
    request_id: Annotated[str, _is("as in the answer's `x-narrows-request-id`")]
    started_at: Annotated[float, _is("when the request's first byte came, in seconds since the epoch")]
    agent: Annotated[AgentFigures | None, _is("the agent that answered, where one did")] = None
    agent_call: Annotated[
        AgentCallFigures | None,
        _is("whose it is, where it is an agent's own: a model call, or one of a tool"),
    ] = None
    timings: Annotated[Timings, _is("where the time went")]
    plan: Annotated[PlanFigures, _is("what was done with the request's body; absent where no wire knows the path")] = (
        PROXIED
    )
    response: Annotated[ResponseFigures | None, _is("what was observed of the answer")] = None

    def __post_init__(self) -> None:
        if len(self.path) > MAX_PATH_CHARS:
            force_setattr(self, "path", self.path[:MAX_PATH_CHARS])
        if self.model is not None and (len(self.model) > MAX_NAME_CHARS or not self.model.isascii()):
            force_setattr(self, "model", short_name(self.model))


def short_name(text: str) -> str:
    """A name that others chose, cut to a name's length. Beyond ASCII, what cannot be printed becomes a question mark:
    halves of surrogate pairs, which UTF-8 cannot hold, and marks that turn or break a line where it is shown."""
    text = text[:MAX_NAME_CHARS]
    return text if text.isascii() else "".join(one if one.isprintable() else "?" for one in text)
