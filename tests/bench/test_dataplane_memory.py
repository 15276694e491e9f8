from __future__ import annotations

from bench.dataplane.memory import parts


def test_the_tokenizer_and_the_classifier_are_loaded_when_they_are_first_needed() -> None:
    tokenizer, classifier = parts()
    assert tokenizer > 10 << 20
    assert classifier > 10 << 20
