"""Which calls count as fetching a page to read it, and which never do."""

from __future__ import annotations

import json
from typing import Any

import pytest

from narrows.compressors.fetches import is_elsewhere
from narrows.compressors.tools import fetches_page, reads_file
from narrows.core.tool_call import ToolCall
from narrows.policy import Pages

URL = "https://docs.example.org/guide"


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name, json.dumps(arguments))


def shell(command: str) -> ToolCall:
    return call("bash", command=command)


@pytest.mark.parametrize(
    "tool_call",
    [
        call("fetch", url=URL),
        call("web_fetch", url=URL, prompt="What are the limits?"),
        call("WebFetch", url=URL),
        call("mcp__fetch__fetch", url=URL, max_length=5000, raw=False),
        call("browser_navigate", url=URL),
        call("get_page_content", url=URL),
        call("webfetch", url=URL, format="text"),
        call("visit", urls=[URL, "https://www.example.com/"]),
        call("open_link", link=URL),
        call("http_get", pageUrl=URL),
    ],
)
def test_a_tool_with_an_address_fetches(tool_call: ToolCall) -> None:
    assert fetches_page(tool_call, Pages.TOOLS)
    assert fetches_page(tool_call, Pages.ALL)
    assert not fetches_page(tool_call, Pages.OFF)
    assert not reads_file(tool_call)


@pytest.mark.parametrize(
    "tool_call",
    [
        call("fetch", url=URL, raw=True),
        call("webfetch", url=URL, format="html"),
        call("fetch_html", url=URL),
        call("get_page_source", url=URL),
        call("query_selector", url=URL),
        call("scrape", url=URL, selector=".price"),
        call("puppeteer_evaluate", url=URL, script="document.body.outerHTML"),
        call("http_post", url=URL),
        call("fetch", url="http://localhost:3000/"),
        call("fetch", url="http://127.0.0.1:8000/login"),
        call("fetch", url="http://web:8080/"),
        call("fetch", url="http://[::1]/"),
        call("fetch", url="https://app.internal/"),
        call("fetch", url="file:///srv/page.html"),
        call("fetch", url="https://raw.githubusercontent.com/a/b/main/index.html"),
        call("fetch", url="https://gitlab.example.org/a/b/-/raw/main/index.html"),
        call("visit", urls=[URL, "http://localhost/"]),
        call("fetch", url=URL, path="/srv/page.html"),
        call("fetch", url=7),
        call("fetch"),
        call("read_file", path="page.html"),
        call("render", template="page.html"),
        ToolCall("fetch", "not json"),
        ToolCall("fetch", '["https://docs.example.org/"]'),
        shell("cat page.html"),
        shell("python render.py"),
        shell("curl -s http://localhost:8000/"),
        shell('curl -s "$BASE/login"'),
        shell("curl -s https://docs.example.org/ | grep class="),
        shell("curl -s https://docs.example.org/ | python3 -c 'print(1)'"),
        shell("curl -X POST https://docs.example.org/login"),
        shell("curl -d a=b https://docs.example.org/login"),
        shell("curl -so page.html https://docs.example.org/ && ls"),
        shell("curl -s https://docs.example.org/ > page.html"),
        shell("curl -s https://docs.example.org/ && curl -s http://localhost/"),
        shell("http POST docs.example.org a=b"),
        shell("git show HEAD:page.html"),
    ],
)
def test_what_asks_for_markup_or_comes_from_nearby_does_not(tool_call: ToolCall) -> None:
    assert not fetches_page(tool_call, Pages.ALL)


@pytest.mark.parametrize(
    "command",
    [
        "curl -s https://docs.example.org/",
        "curl -fsSL -H 'Accept: text/html' -A 'Mozilla/5.0 (X11; http://bot.example)' 'https://docs.example.org/a?b=c'",
        "curl -s docs.example.org/guide | head -200",
        "cd /tmp && wget -qO- https://docs.example.org/ 2>/dev/null",
        "timeout 20 curl -i https://docs.example.org/; echo done",
        "lynx -source https://docs.example.org/ | head -c 5000",
    ],
)
def test_a_shell_fetches_only_where_all_pages_are_wanted(command: str) -> None:
    assert fetches_page(shell(command), Pages.ALL)
    assert not fetches_page(shell(command), Pages.TOOLS)


def test_a_file_tool_stays_one_whatever_else_it_is_given() -> None:
    assert reads_file(call("read_file", path="page.html", url=URL))
    assert reads_file(call("get_file_contents", owner="a", repo="b", path="index.html"))
    assert reads_file(call("get_content", url="https://raw.githubusercontent.com/a/b/main/x.py"))


@pytest.mark.parametrize(
    "address", ["http://[", "https://", "https:///x", "http://a b", "https://1.2.3.4/", "ftp://a.b/"]
)
def test_what_is_no_address_of_another_machine(address: str) -> None:
    assert not is_elsewhere(address)


def test_a_long_address_is_read_at_its_beginning() -> None:
    assert is_elsewhere("https://example.org/" + "a" * 1_000_000)
