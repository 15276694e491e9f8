"""The bench's own counting of pages: what they show, and what an output still has of it."""

from __future__ import annotations

from bench.quality import pages, questions
from bench.quality.corpus import Text
from bench.quality.shorteners import Shortened
from bench.quality.vocabularies import Vocabulary
from narrows.compressors.html_page import COMPRESSOR
from narrows.compressors.types import Compressed, Decision, Source
from narrows.policy import Level

WORDS = Vocabulary("words", lambda text: len(text.split()))


class Cut:
    """Leaves so many characters."""

    name = "cut"

    def __init__(self, characters: int) -> None:
        self.characters = characters

    def text(self, item: Text) -> Shortened:
        return Shortened(item.text[: self.characters])


class AsText:
    """Our own form of a page."""

    name = "as text"

    def text(self, item: Text) -> Shortened:
        result = COMPRESSOR.compress(Source(item.text, item.call), Level.BALANCED)
        assert isinstance(result, Compressed)
        return Shortened(result.text, Decision(result, len(item.text), len(result.text)))


def test_a_page_shows_its_visible_words_and_addresses() -> None:
    found = pages.shown(
        '<!doctype html><p>one <b>t</b>wo <a href="/x">three</a><p hidden>four</p><!-- five --><i title=six>'
    )
    assert found.words == {"one", "t", "wo", "three"}
    assert found.addresses == {"/x"}


def test_what_is_cut_off_is_missing() -> None:
    items = pages.made()[:3]
    whole, cut = (pages.measure(items, Cut(length), WORDS) for length in (10**6, 600))  # type: ignore[arg-type] # of a shortener only `text` is asked
    assert min(whole["words_visible"], whole["addresses_visible"]) > 0.9
    assert cut["words_visible"] < 0.5
    assert cut["addresses_visible"] < 0.5
    assert cut["missing"]


def test_nothing_is_missing_of_a_page_as_text() -> None:
    found = pages.measure(pages.made()[:6], AsText(), WORDS)  # type: ignore[arg-type] # as above
    assert found["words_visible"] == found["addresses_visible"] == 1.0
    assert found["missing"] == {}
    assert found["truth"]["objections"] == {}


def test_the_facts_that_are_asked_for_stand_on_their_page() -> None:
    for text, asked in pages.with_facts():
        assert len(text.text) >= 2048
        assert len(asked) == 5
        for _, _, answer in asked:
            assert answer.strip() in text.text
    assert sum(len(about) for _, about in questions.of_corpus()["html"]) == 5 * pages.FACT_PAGES
