"""openai-python through the running gateway. Most tests make the same call twice, straight and through the gateway, and
hold what the upstream saw, byte for byte, and what the client made of the answer, against each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import msgspec
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from narrows.compressors.marks import has_mark
from tests.e2e.material import TOOLS, orders, tool_turn
from tests.e2e.recordings import assert_same_request
from tests.gateways import exchanges
from tests.scripted_upstream import (
    DONE,
    STALL,
    USAGE,
    Answer,
    Ending,
    Recorded,
    ScriptedUpstream,
    completion,
    error,
    events,
    frame,
    head,
    raw,
    stream,
    whole,
)

HELLO: list[Any] = [{"role": "user", "content": "Say hello."}]
Call = Callable[[AsyncOpenAI], Awaitable[Any]]


class Pair:
    """Two clients of one upstream: one asks it straight, one through the gateway."""

    def __init__(self, upstream: ScriptedUpstream, gateway: str) -> None:
        self.upstream = upstream
        self.straight = AsyncOpenAI(base_url=upstream.url + "/v1", api_key="sk-test")
        self.through = AsyncOpenAI(base_url=gateway + "/v1", api_key="sk-test")

    async def both(self, call: Call, *answers: Answer) -> tuple[Any, Any]:
        """What the call gave through the gateway, and what it gave straight; the answers are played for each."""
        results = []
        for client in (self.straight, self.through):
            self.upstream.play(*answers)
            results.append(await call(client))
        return results[1], results[0]

    @property
    def forwarded(self) -> Recorded:
        return self.upstream.requests[-1]

    @property
    def sent(self) -> Recorded:
        """What the same client sends when nothing is between."""
        return self.upstream.requests[len(self.upstream.requests) // 2 - 1]


@pytest.fixture
async def pair(scripted_upstream: ScriptedUpstream, gateway: str) -> AsyncIterator[Pair]:
    pair = Pair(scripted_upstream, gateway)
    yield pair
    await pair.straight.close()
    await pair.through.close()


async def chunks_of(client: AsyncOpenAI, **arguments: Any) -> list[dict[str, Any]]:
    answer = await client.chat.completions.create(model="gpt-4o", stream=True, **arguments)
    return [chunk.model_dump() async for chunk in answer]


def member(body: bytes, name: str) -> bytes:
    """The exact bytes of a top-level member's value."""
    return bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw])[name])


async def test_a_completion(pair: Pair) -> None:
    through, straight = await pair.both(lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO))
    assert through == straight
    assert through.choices[0].message.content == "Hello there!"
    assert_same_request(pair.forwarded, pair.sent)


async def test_the_synchronous_client(pair: Pair, gateway: str, scripted_upstream: ScriptedUpstream) -> None:
    def call(base_url: str) -> Any:
        with OpenAI(base_url=base_url + "/v1", api_key="sk-test") as client:
            answer = client.chat.completions.create(model="gpt-4o", messages=HELLO)
            pieces = client.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
            return answer, [piece.model_dump() for piece in pieces]

    straight = await asyncio.to_thread(call, scripted_upstream.url)
    assert await asyncio.to_thread(call, gateway) == straight
    first, second, third, fourth = scripted_upstream.requests
    assert_same_request(third, first)
    assert_same_request(fourth, second)


async def test_other_paths_are_forwarded(pair: Pair) -> None:
    models = whole(b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"o"}]}')

    async def call(client: AsyncOpenAI) -> list[str]:
        return [model.id async for model in client.models.list()]

    assert await pair.both(call, models) == (["m"], ["m"])
    assert_same_request(pair.forwarded, pair.sent)


async def test_a_stream(pair: Pair) -> None:
    through, straight = await pair.both(lambda client: chunks_of(client, messages=HELLO))
    assert through == straight
    assert "".join(chunk["choices"][0]["delta"]["content"] or "" for chunk in through) == "Hello there!"
    assert_same_request(pair.forwarded, pair.sent)


async def test_include_usage_is_preserved(pair: Pair, gateway: str) -> None:
    through, straight = await pair.both(
        lambda client: chunks_of(client, messages=HELLO, stream_options={"include_usage": True})
    )
    assert through == straight
    assert pair.forwarded.json["stream_options"] == {"include_usage": True}
    assert_same_request(pair.forwarded, pair.sent)
    assert through[-1]["choices"] == []
    assert {name: through[-1]["usage"][name] for name in USAGE} == USAGE
    assert (await exchanges(gateway))[0]["response"]["gen_ai.usage.input_tokens"] == USAGE["prompt_tokens"]


async def test_tool_message_is_compressed_by_at_least_40_percent(pair: Pair) -> None:
    text = orders(1_500)
    await pair.both(lambda client: client.chat.completions.create(model="gpt-4o", messages=_with_hello(text)))
    forwarded, sent = pair.forwarded.json["messages"], pair.sent.json["messages"]
    shortened = forwarded[3].pop("content")
    assert sent[3].pop("content") == text
    assert forwarded == sent
    assert has_mark(shortened)
    assert len(shortened.encode()) <= 0.6 * len(text.encode())
    assert_same_request(pair.forwarded, pair.sent, but=(b"content-length",))
    assert int(pair.forwarded.values(b"content-length")[0]) == len(pair.forwarded.body)


def _with_hello(text: str | list[dict[str, str]]) -> list[Any]:
    return [{"role": "system", "content": "Be brief."}, *tool_turn(text)]


async def test_text_parts_of_a_tool_message_are_compressed(pair: Pair) -> None:
    parts = [{"type": "text", "text": "Two pages."}, {"type": "text", "text": orders(1_500)}]
    await pair.both(lambda client: client.chat.completions.create(model="gpt-4o", messages=_with_hello(parts)))
    forwarded = pair.forwarded.json["messages"][3]["content"]
    assert forwarded[0] == parts[0]
    assert has_mark(forwarded[1]["text"])
    assert len(pair.forwarded.body) < 0.6 * len(pair.sent.body)


async def test_n_greater_than_one_is_untouched(pair: Pair) -> None:
    await pair.both(
        lambda client: client.chat.completions.create(model="gpt-4o", messages=_with_hello(orders(1_500)), n=2)
    )
    assert_same_request(pair.forwarded, pair.sent)
    assert pair.forwarded.json["messages"][3]["content"] == orders(1_500)


async def test_tool_choice_and_tools_are_unchanged(pair: Pair) -> None:
    choice: Any = {"type": "function", "function": {"name": "ship"}}
    await pair.both(
        lambda client: client.chat.completions.create(
            model="gpt-4o",
            messages=_with_hello(orders(1_500)),
            tools=TOOLS,
            tool_choice=choice,
            parallel_tool_calls=False,
        )
    )
    assert len(pair.forwarded.body) < len(pair.sent.body)
    for name in ("tools", "tool_choice", "parallel_tool_calls", "model"):
        assert member(pair.forwarded.body, name) == member(pair.sent.body, name)


async def test_the_same_bytes_on_the_next_turn(pair: Pair) -> None:
    conversation = _with_hello(orders(1_500))
    for _ in range(2):
        await pair.through.chat.completions.create(model="gpt-4o", messages=conversation)
        conversation += [{"role": "assistant", "content": "None is."}, *tool_turn(orders(1_400), "call_2")]
    first, second = (
        msgspec.json.decode(member(r.body, "messages"), type=list[msgspec.Raw]) for r in pair.upstream.requests
    )
    assert [bytes(message) for message in second[: len(first)]] == [bytes(message) for message in first]


async def test_refusal_is_handled(pair: Pair, gateway: str) -> None:
    refusal = "I cannot help with that."
    said = whole(completion({"content": None, "refusal": refusal}))
    through, straight = await pair.both(
        lambda client: client.chat.completions.create(model="gpt-4o", messages=HELLO), said
    )
    assert through == straight
    assert (through.choices[0].message.refusal, through.choices[0].message.content) == (refusal, None)
    assert (await exchanges(gateway))[0]["response"]["refusal_chars"] == len(refusal)


async def test_refusal_is_handled_in_a_stream(pair: Pair, gateway: str) -> None:
    pieces = ["I cannot", " help with", " that."]

    async def call(client: AsyncOpenAI) -> Any:
        async with client.chat.completions.stream(model="gpt-4o", messages=HELLO) as answer:
            return await answer.get_final_completion()

    through, straight = await pair.both(call, stream(*({"refusal": piece} for piece in pieces)))
    assert through == straight
    assert through.choices[0].message.refusal == "".join(pieces)
    assert (await exchanges(gateway))[0]["response"]["refusal_chars"] == len("".join(pieces))


async def test_tool_call_arguments_accumulate_over_three_chunks(pair: Pair, gateway: str) -> None:
    pieces = ['{"limit"', ": 15", "00}"]
    named = {"index": 0, "id": "call_9", "type": "function", "function": {"name": "list_orders", "arguments": ""}}
    deltas = [{"tool_calls": [named]}, *({"tool_calls": [{"index": 0, "function": {"arguments": p}}]} for p in pieces)]

    async def call(client: AsyncOpenAI) -> Any:
        async with client.chat.completions.stream(model="gpt-4o", messages=HELLO, tools=TOOLS) as answer:
            return await answer.get_final_completion()

    through, straight = await pair.both(call, stream(*deltas, finish_reason="tool_calls"))
    assert through == straight
    made = through.choices[0].message.tool_calls[0]
    assert (made.id, made.function.name, made.function.arguments) == ("call_9", "list_orders", "".join(pieces))
    observed = (await exchanges(gateway))[0]["response"]
    assert (observed["tool_calls"], observed["gen_ai.response.finish_reasons"]) == (1, ["tool_calls"])


async def test_cancel_in_the_middle_of_a_stream_closes_the_upstream(pair: Pair) -> None:
    never = asyncio.Event()
    pair.upstream.play(events(frame({"role": "assistant", "content": "Hel"}), never))
    answer = await pair.through.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True)
    async for _ in answer:
        break
    await answer.close()
    await asyncio.wait_for(pair.upstream.requests[0].ended.wait(), 60)
    assert not pair.upstream.requests[0].answered.is_set()


@pytest.mark.parametrize("streaming", [False, True])
async def test_cancel_before_the_first_byte_closes_the_upstream(pair: Pair, streaming: bool) -> None:
    pair.upstream.play(STALL)
    call = pair.through.chat.completions.create(model="gpt-4o", messages=HELLO, stream=streaming)
    task = asyncio.ensure_future(call)
    request = await pair.upstream.request()
    await asyncio.wait_for(request.complete.wait(), 60)
    task.cancel()
    await asyncio.wait_for(request.ended.wait(), 60)


@pytest.mark.parametrize(("status", "kind"), [(429, openai.RateLimitError), (500, openai.InternalServerError)])
async def test_the_client_retries_and_sees_the_error_as_it_came(
    pair: Pair, status: int, kind: type[openai.APIStatusError]
) -> None:
    fields = [("retry-after-ms", "1"), ("X-Request-ID", "req_7"), ("x-ratelimit-reset-tokens", "6m0s")]
    failure = error(status, "scripted", fields=fields)
    pair.upstream.play(failure)
    completed = await pair.through.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert completed.choices[0].message.content == "Hello there!"
    assert [r.values(b"x-stainless-retry-count") for r in pair.upstream.requests] == [[b"0"], [b"1"]]

    pair.upstream.play(failure, failure, failure)
    with pytest.raises(kind) as caught:
        await pair.through.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert caught.value.code == "scripted"
    assert caught.value.request_id == "req_7"
    assert caught.value.response.headers["x-ratelimit-reset-tokens"] == "6m0s"
    assert caught.value.body == {
        "message": f"scripted {status}",
        "type": "server_error",
        "param": None,
        "code": "scripted",
    }
    assert len(pair.upstream.requests) == 5


async def test_an_upstream_that_closes_between_requests_is_not_the_clients_trouble(pair: Pair) -> None:
    """The kept connection is found dead before any byte of an answer: the gateway asks again, the client does not."""
    for _ in range(3):
        pair.upstream.play(raw(head([("Content-Length", "2"), ("Content-Type", "application/json")]) + b"{}"))
        await pair.through.chat.completions.create(model="gpt-4o", messages=HELLO)
        await pair.upstream.all_closed()
    assert [request.values(b"x-stainless-retry-count") for request in pair.upstream.requests] == [[b"0"]] * 3


async def test_an_unreachable_upstream_is_an_error_that_the_client_retries(pair: Pair) -> None:
    await pair.upstream.close()
    with pytest.raises(openai.InternalServerError) as caught:
        await pair.through.with_options(max_retries=0).chat.completions.create(model="gpt-4o", messages=HELLO)
    assert (caught.value.status_code, caught.value.code) == (502, "upstream_unreachable")
    assert caught.value.response.headers["x-narrows-error"] == "upstream_unreachable"


async def test_an_error_frame_in_a_stream_reaches_the_client(pair: Pair) -> None:
    failure = (
        b'data: {"error":{"message":"too long","type":"invalid_request_error","param":null,"code":"too_long"}}\n\n'
    )

    async def call(client: AsyncOpenAI) -> str | None:
        with pytest.raises(openai.APIError) as caught:
            await chunks_of(client, messages=HELLO)
        return caught.value.code

    assert await pair.both(call, events(frame({"content": "a"}), failure)) == ("too_long", "too_long")


async def test_a_cut_stream_is_an_error_for_the_client(pair: Pair) -> None:
    cut = events(frame({"content": "a"}), ending=Ending.CLOSE)

    async def call(client: AsyncOpenAI) -> type[BaseException]:
        with pytest.raises((openai.APIError, httpx2.HTTPError)) as caught:
            await chunks_of(client, messages=HELLO)
        return caught.type

    through, straight = await pair.both(call, cut)
    assert through is straight


async def test_passthrough_is_byte_equal(scripted_upstream: ScriptedUpstream, gateway: str) -> None:
    """A body that no JSON library would write again, fields in odd shapes, and an answer likewise."""
    body = (
        b' {"model" :"m\\u00f6","x":1.0,"y":1e5,"big":9223372036854775808,"x":1.00,"messages":[\n{"role":"user",'
        b'"content":"\\u00e9\\/ \xc3\xa9","name":null} ,'
        b'{"content":"ok","role":"tool","tool_call_id":"c"}],\t"n":1 } \r\n'
    )
    said = b'{"id" : "1","choices":[ ],"usage":{"total_tokens":1e0}}\n\n'
    answer = (
        b"HTTP/1.1 200 Fine\r\nSet-Cookie: a=1\r\nX-ODD:  v \r\nset-cookie: b=2\r\nContent-Length: %d\r\n\r\n"
        % len(said)
    )
    scripted_upstream.play(Answer((answer + said,)))
    host, upstream_host = (url.removeprefix("http://").encode() for url in (gateway, scripted_upstream.url))
    sent_head = (
        b"POST /v1/chat/completions?a=%2F HTTP/1.1\r\nhOst: " + host + b"\r\nX-Twice: 1\r\nx-twice: 2\r\nX-Empty:\r\n"
        b"Authorization:Bearer sk-test\r\ncontent-type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    )
    reader, writer = await asyncio.open_connection(*host.decode().split(":"))
    writer.write(sent_head + body)
    received = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    assert await asyncio.wait_for(reader.readexactly(len(said)), 60) == said
    writer.close()
    assert without_ours(received) == answer
    request = scripted_upstream.requests[0]
    assert request.body == body
    assert without_ours(request.head) == sent_head.replace(host, upstream_host)


def without_ours(head: bytes) -> bytes:
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.lower().startswith(b"x-narrows-"))


async def test_bytes_after_done_do_not_disturb(pair: Pair) -> None:
    late = events(frame({"content": "a"}), DONE, b": a comment\n\n")
    through, straight = await pair.both(lambda client: chunks_of(client, messages=HELLO), late)
    assert through == straight
    assert await pair.through.chat.completions.create(model="gpt-4o", messages=HELLO)
