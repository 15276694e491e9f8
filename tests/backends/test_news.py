from __future__ import annotations

import asyncio

import pytest

from narrows.backends.news import News
from narrows.backends.types import LookFailed
from narrows.errors import AgentFailed


async def test_a_wait_ends_with_news_and_each_news_ends_one() -> None:
    news = News()
    before = news.mark
    asyncio.get_running_loop().call_later(0.01, news.tell)
    async with asyncio.timeout(60):
        await news.wait(60)
    assert news.mark != before
    after = news.mark
    await news.wait(0.001)
    assert news.mark == after
    await news.wait(0)


async def test_trouble_is_told_once() -> None:
    news = News()
    news.trouble("no answer")
    with pytest.raises(LookFailed, match="no answer"):
        await news.wait(60)
    await news.wait(0.001)


async def test_what_a_watcher_ends_with_is_told_every_time() -> None:
    async def fails() -> None:
        raise AgentFailed("it broke")

    news = News()
    news.watch(fails())
    for _ in range(2):
        with pytest.raises(AgentFailed, match="it broke"):
            async with asyncio.timeout(60):
                await news.wait(60)
    await news.ended()
    await news.close()


async def test_closing_ends_the_watcher() -> None:
    stopped = asyncio.Event()

    async def watches() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    news = News()
    news.watch(watches())
    await asyncio.sleep(0)
    await news.close()
    assert stopped.is_set()
    await news.wait(60)
    await News().close()
    await News().ended()
