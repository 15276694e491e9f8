"""HTML pages: what is saved, and whether every visible word and address is still there.

Two sorts: pages made by rule, of all the shapes that the tests know, and pages that documentation installed on this
machine has, which nothing was built for. What a page shows is what html5lib's tree of it shows. The words and addresses
of any shortener's text are compared with that, in any order; ours are held to the strict judge besides.
"""

from __future__ import annotations

import html
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.quality import texts
from bench.quality.corpus import Text
from bench.quality.shorteners import Shortener
from bench.quality.vocabularies import Vocabulary
from narrows.compressors.types import Compressed
from narrows.core.tool_call import ToolCall
from tests.compressors.html_sources import page
from tests.compressors.html_tree import Tree
from tests.compressors.html_truth import in_full

MADE = 60
BLOCKS = (6, 12, 30)
"""Blocks of a page that is made: small, middle, large."""
MOST_INSTALLED = 120
MOST_BYTES = 300_000
FACT_PAGES = 16
GOODS = (
    "claw hammer",
    "hand saw",
    "steel ruler",
    "wood glue",
    "paint brush",
    "copper wire",
    "safety goggles",
    "spirit level",
    "masking tape",
    "cordless drill",
    "work gloves",
    "step ladder",
)
PLACES = ("Delivery", "Returns", "Contact", "Our workshops")
_DOCUMENTATION = (Path("/usr/share/doc"), Path("/usr/lib/node_modules/npm/docs"), Path("/usr/share/gtk-doc"))
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page shows: its distinct words and addresses."""

    words: frozenset[str]
    addresses: frozenset[str]


def made() -> list[Text]:
    """Pages made by rule."""
    return [_as_fetched(f"page {number}", "made", page(number, BLOCKS[number % len(BLOCKS)])) for number in range(MADE)]


def installed() -> list[Text]:
    """Pages of documentation on this machine, evenly taken from all there are; none where none is installed."""
    found = sorted(
        path
        for folder in _DOCUMENTATION
        for path in folder.rglob("*.html")
        if path.is_file() and 4096 <= path.stat().st_size <= MOST_BYTES
    )
    chosen = found[:: max(1, -(-len(found) // MOST_INSTALLED))]
    return [_as_fetched(str(path), "installed", path.read_text(encoding="utf-8", errors="replace")) for path in chosen]


def _as_fetched(name: str, group: str, text: str) -> Text:
    return Text("html", name, group, text, ToolCall("fetch", '{"url": "https://www.example.org/page"}'))


def shown(text: str) -> Shown:
    """What the page shows, by its tree; words that inline markup divides are counted in their pieces."""
    said = [word for _, word in Tree(text).items]
    addresses = frozenset(word[1:-1] for word in said if word.startswith("\x02"))
    pieces = (piece for word in said if not word.startswith("\x02") for piece in _WORD.findall(word))
    return Shown(frozenset(pieces), addresses)


def measure(items: list[Text], shortener: Shortener, vocabulary: Vocabulary) -> dict[str, Any]:
    """Tokens saved, words and addresses visible, objections of the strict judge."""
    rows = texts.over(items, shortener, vocabulary)
    totals = dict.fromkeys(("words", "seen_words", "addresses", "seen_addresses"), 0)
    missing: dict[str, list[str]] = {}
    for one in rows:
        page_shows, output = shown(one.item.text), _visible(one)
        kept = one.output == one.item.text  # markup may stand within a word of it
        lost = {word for word in page_shows.words if not kept and word not in output}
        unseen = {address for address in page_shows.addresses if not kept and address not in output}
        totals["words"] += len(page_shows.words)
        totals["seen_words"] += len(page_shows.words) - len(lost)
        totals["addresses"] += len(page_shows.addresses)
        totals["seen_addresses"] += len(page_shows.addresses) - len(unseen)
        if lost or unseen:
            missing[one.item.name] = [*sorted(lost)[:5], *sorted(unseen)[:5]]
    return {
        "all": texts.saved(rows),
        "words_visible": texts.share(totals["seen_words"], totals["words"]),
        "addresses_visible": texts.share(totals["seen_addresses"], totals["addresses"]),
        "missing": dict(list(missing.items())[:20]),
        "truth": texts.falsehoods(rows),
    }


def _visible(one: texts.Measured) -> str:
    """An output with its addresses in full, and with references decoded where it is still markup."""
    ours = one.decision is not None and isinstance(one.decision.result, Compressed)
    return in_full(one.output) if ours else html.unescape(one.output)


# --- pages with facts to ask about ------------------------------------------------------------------------------------


def with_facts() -> list[tuple[Text, list[tuple[str, str, str]]]]:
    """Small pages, and what may be asked about each: the sort, the question, the answer."""
    return [_fact_page(number) for number in range(FACT_PAGES)]


def _fact_page(number: int) -> tuple[Text, list[tuple[str, str, str]]]:
    chance = random.Random(number)
    goods = chance.sample(GOODS, 9)
    prices = [f"{chance.randint(3, 99)}.{chance.randint(10, 99)}" for _ in goods]
    stock = [str(number) for number in chance.sample(range(11, 99), 9)]
    links = {one: f"/{chance.choice(('help', 'shop', 'about'))}/{chance.randint(100, 999)}" for one in PLACES}
    rows = "".join(
        f'<tr class="row row-{place}" data-sku="{chance.randint(1000, 9999)}"><td class="name">{name}</td>'
        f'<td class="price">{price}</td><td class="stock">{left}</td></tr>\n'
        for place, (name, price, left) in enumerate(zip(goods, prices, stock, strict=True))
    )
    menu = "".join(f'<li class="nav-item"><a class="link" href="{to}">{name}</a></li>' for name, to in links.items())
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Tools and materials</title>'
        '<link rel="stylesheet" href="/static/site.css"><script>window.dataLayer = window.dataLayer || [];</script>'
        f'</head>\n<body class="page page-list"><nav class="nav"><ul>{menu}</ul></nav>\n'
        '<main><h1>Tools and materials</h1><p class="lead">Prices hold until the end of the month, in all shops.</p>'
        '<table class="table table-striped"><thead><tr><th scope="col">Article</th><th scope="col">Price</th>'
        f'<th scope="col">In stock</th></tr></thead><tbody>\n{rows}</tbody></table></main>\n'
        '<footer class="footer"><!-- end of list --><p>Orders are sent within two days.</p></footer></body></html>\n'
    )
    asked = []
    for name, price, left in zip(goods[1:4], prices[1:4], stock[1:4], strict=True):
        asked.append(("price", f"What is the price of the {name}?", f" {price}"))
        asked.append(("stock", f"How many of the {name} are in stock?", f" {left}"))
    name = chance.choice(PLACES)
    asked.append(("address", f'Where does the link "{name}" lead?', f" {links[name]}"))
    return _as_fetched(f"fact page {number}", "facts", text), chance.sample(asked, 5)
