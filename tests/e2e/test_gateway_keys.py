"""openai-python against a gateway with keys: a key is its API key, and refusals are the errors that it knows."""

from __future__ import annotations

import pytest
from openai import AsyncOpenAI, AuthenticationError, RateLimitError

from narrows.settings import GatewayKey, KeyLimits
from narrows.settings.keys import key_digest
from tests.gateways import running_gateway
from tests.scripted_upstream import ScriptedUpstream

KEY = "nrw_" + "k" * 43


async def test_a_gateway_key_is_an_api_key_and_refusals_are_known_errors(scripted_upstream: ScriptedUpstream) -> None:
    key = GatewayKey("alice", key_digest(KEY.encode()) or b"", KeyLimits(requests_per_minute=1))
    async with running_gateway(scripted_upstream.url, keys=(key,), upstream_key="sk-up") as gateway:

        async def ask(api_key: str) -> str | None:
            async with AsyncOpenAI(base_url=f"{gateway}/v1", api_key=api_key, max_retries=0) as client:
                answer = await client.chat.completions.create(
                    model="gpt-4o", messages=[{"role": "user", "content": "Say hello."}]
                )
            return answer.choices[0].message.content

        assert await ask(KEY) == "Hello there!"
        with pytest.raises(AuthenticationError) as unknown:
            await ask("sk-own")
        assert unknown.value.code == "invalid_api_key"
        with pytest.raises(RateLimitError) as limited:
            await ask(KEY)
        assert limited.value.code == "rate_limit_exceeded"
        assert int(limited.value.response.headers["retry-after"]) in range(50, 61)
    (seen,) = scripted_upstream.requests
    assert seen.values(b"authorization") == [b"Bearer sk-up"]
