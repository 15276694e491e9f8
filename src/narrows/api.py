"""The library: what the gateway does to a request, for callers who hold the text, the messages or the body themselves.

All three ways make the same decisions. Messages are planned through the bytes of the request they would become, so
compressing and then serialising equals serialising and then compressing (law 2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from narrows.compressors import registry
from narrows.compressors.repeats import Earlier
from narrows.compressors.types import Classifier, Compressed, Decision
from narrows.core.edits import apply_edits
from narrows.core.tokens import TOKENIZER, encoding_for_model
from narrows.core.tool_call import OutputPlace, ToolCall
from narrows.plan import Plan, plan_body
from narrows.policy import Policy
from narrows.wire.registry import wire_named
from narrows.wire.types import Role

Message = dict[str, Any]
"""A Chat Completions message, as the OpenAI client's `messages=` takes it."""


@dataclass(frozen=True, slots=True)
class PartDecision:
    """What was decided for the text at `pointer` (RFC 6901, such as `/messages/3/content`)."""

    pointer: str
    role: Role
    decision: Decision


@dataclass(frozen=True, slots=True)
class CompressResult:
    """New messages, in the same order and shape, and one decision for each text that was eligible."""

    messages: list[Message]
    decisions: tuple[PartDecision, ...]


@dataclass(frozen=True, slots=True)
class BodyResult:
    """What goes upstream (the very same object where nothing is edited), and the plan behind it."""

    body: bytes
    plan: Plan


def compress(
    messages: Sequence[Mapping[str, Any]],
    *,
    model: str | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    policy: Policy | None = None,
    classifier: Classifier | None = None,
) -> CompressResult:
    """Shorten the machine-written text in Chat Completions messages. The messages given are never changed.

    Call it with the whole conversation, in its original form, on every turn: what was shortened once is then shortened
    to the same text again, and the provider's prompt cache holds. `model` says which tokens are counted, and from which
    size on its provider caches a prompt, to which the request's `tools` belong. Without a `classifier`, texts that no
    grammar explains are kept.

    Raises:
        TypeError: a message is no dict, or holds what JSON cannot say; another argument is of another type than said.
        ValueError: a message holds NaN, an infinity or itself, or is nested too deeply.
    """
    _check("messages", messages, Sequence)
    _check("model", model, str, optional=True)
    _check("tools", tools, Sequence, optional=True)
    _check("policy", policy, Policy, optional=True)
    for index, message in enumerate(messages):
        if not isinstance(message, dict):
            name = type(message).__name__
            raise TypeError(f"messages[{index}] is a {name}, not a dict; clients' objects have model_dump() or dict()")
    policy = policy or _default_policy(classifier)
    request = {"model": model, "tools": None if tools is None else list(tools), "messages": list(messages)}
    plan = plan_body(_body(request), _CHAT, policy, classifier=classifier)
    copies: list[Message] = [dict(message) for message in messages]
    for planned in plan.parts:
        result = planned.outcome.decision.result
        if isinstance(result, Compressed):
            _put(copies, planned.part.pointer, result.text)
    decisions = (PartDecision(one.part.pointer, one.part.role, one.outcome.decision) for one in plan.parts)
    return CompressResult(copies, tuple(decisions))


def compress_body(
    body: bytes,
    wire: str = "openai_chat",
    *,
    model: str | None = None,
    policy: Policy | None = None,
    classifier: Classifier | None = None,
) -> BodyResult:
    """What the gateway would send upstream in place of `body`. `model` takes the place of the one that the body names.

    Raises:
        TypeError: `body` is not bytes, or `policy` no Policy.
        ValueError: there is no wire of that name.
    """
    _check("body", body, bytes)
    _check("model", model, str, optional=True)
    _check("policy", policy, Policy, optional=True)
    policy = policy or _default_policy(classifier)
    plan = plan_body(body, wire_named(wire), policy, classifier=classifier, model=model)
    return BodyResult(apply_edits(body, plan.edits), plan)


def compress_text(  # noqa: PLR0913 -- all that a decision depends on, each by its name
    text: str,
    *,
    tool: str | None = None,
    arguments: str = "",
    earlier: Sequence[str] = (),
    model: str | None = None,
    policy: Policy | None = None,
    classifier: Classifier | None = None,
) -> Decision:
    """Shorten one tool's output. `tool` and `arguments` (JSON, as the model wrote them) are the call that produced it:
    evidence for its kind. `earlier`: every tool output before it in the conversation as it was forwarded, oldest first;
    what they show already is named instead.

    Raises:
        TypeError: an argument is of another type than said.
    """
    _check("text", text, str)
    _check("tool", tool, str, optional=True)
    _check("arguments", arguments, str)
    _check("model", model, str, optional=True)
    _check("policy", policy, Policy, optional=True)
    call = None if tool is None else ToolCall(tool, arguments)
    policy = policy or _default_policy(classifier)
    outputs = _outputs(earlier)
    return registry.compress_text(text, call, policy, encoding_for_model(model), outputs, classifier=classifier)


def expand(text: str, earlier: Sequence[str] = ()) -> str | None:
    """The source of a losslessly shortened text; None where `text` is not one, or where it names an output that is not
    among the `earlier` ones, given as to `compress_text`.

    It is exact, except that JSON comes without the white space between its values.

    Raises:
        TypeError: `text` is not a string, or an earlier output is none.
    """
    _check("text", text, str)
    return registry.expand(text, _outputs(earlier))


_CHAT = wire_named("openai_chat")


def _check(name: str, value: object, wanted: type, *, optional: bool = False) -> None:
    """Callers without a type checker get a sentence, and never a decision about something that is no text."""
    if not isinstance(value, wanted) and not (optional and value is None):
        raise TypeError(f"{name} is a {type(value).__name__}, not a {wanted.__name__}")


def _outputs(earlier: Sequence[str]) -> list[Earlier]:
    """Outputs with their places, counted from 1."""
    _check("earlier", earlier, Sequence)
    for text in earlier:
        _check("an earlier output", text, str)
    return [Earlier(text, OutputPlace(number), registry.shown_in(text)) for number, text in enumerate(earlier, 1)]


def _default_policy(classifier: Classifier | None) -> Policy:
    return Policy(classifier=classifier.version if classifier else "none", tokenizer=TOKENIZER)


def _body(request: Mapping[str, Any]) -> bytes:
    try:
        text = json.dumps(request, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError("the messages are nested too deeply to be JSON") from None
    try:
        return text.encode()
    except UnicodeEncodeError:  # a lone surrogate can only be said by its escape
        return json.dumps(request, allow_nan=False, separators=(",", ":")).encode()


def _put(messages: list[Message], pointer: str, text: str) -> None:
    """Set the text at `/messages/I/content` or `/messages/I/content/J/text`, copying what is on the way."""
    _, _, index, field, *rest = pointer.split("/")
    message = messages[int(index)]
    if not rest:
        message[field] = text
        return
    elements = list(message[field])
    element, key = int(rest[0]), rest[1]
    elements[element] = {**elements[element], key: text}
    message[field] = elements
