"""The bench's questions about conversations: outputs as they are forwarded, with those that they name."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from bench.quality import used_later
from bench.quality.conversations import Conversation, Fact, Message, text_of
from bench.quality.conversations import used_later as words_of
from bench.quality.corpus import Text
from bench.quality.shorteners import Shortened
from bench.quality.used_later import passages

WINDOW = "\n".join(f"{number}:value_{number} = compute_{number}()" for number in range(1, 9))
SAID = "The window was opened and it shows me that this one is"


class Names:
    """An output that is the same as an earlier one names it; every other one is kept."""

    name = "names"

    def text(self, item: Text) -> Shortened:
        raise NotImplementedError(item.name)

    def first_time(self, item: Text) -> tuple[float, float]:
        raise NotImplementedError(item.name)

    def requests(self, conversation: Conversation) -> list[list[Message]]:
        texts: list[str] = []
        forwarded = [self.forwarded(message, texts) for message in conversation.messages]
        return [forwarded]

    def forwarded(self, message: Message, texts: list[str]) -> Message:
        text = text_of(message)
        if message["role"] != "tool":
            return message
        said = f"[narrows: all as in tool output {texts.index(text) + 1}]" if text in texts else text
        texts.append(text)
        return {**message, "content": said}


def conversation(*outputs: str, source: str = "swe-agent as tools", said: str = SAID) -> Conversation:
    messages: list[Message] = [{"role": "user", "content": "Look into it."}]
    for text in outputs:
        messages += [{"role": "assistant", "content": "I look."}, {"role": "tool", "content": text}]
    messages.append({"role": "assistant", "content": f"{said} compute_7."})
    shown = frozenset(range(2, len(messages), 2))
    return Conversation(source, "a conversation", messages, [], shown, words_of(messages, shown))


def test_an_output_is_shown_with_those_that_it_names() -> None:
    one = conversation("something else", WINDOW, "more", WINDOW)
    (found,) = passages(one, Names(), set())
    assert found.name == "swe-agent as tools a conversation, output 4"
    assert found.original == f"Tool output 2:\n{WINDOW}\n\nTool output 4:\n{WINDOW}"
    assert found.shortened == f"Tool output 2:\n{WINDOW}\n\nTool output 4:\n[narrows: all as in tool output 2]"


def test_what_is_kept_asked_before_or_too_long_is_not_asked_about() -> None:
    assert not list(passages(conversation("something else", WINDOW), Names(), set()))
    assert not list(passages(conversation(WINDOW, WINDOW), Names(), {WINDOW}))
    long = "\n".join([WINDOW] * (used_later.MOST_TOGETHER // len(WINDOW)))
    assert not list(passages(conversation(long, long), Names(), set()))
    taken: set[str] = set()
    assert len(list(passages(conversation(WINDOW, WINDOW, WINDOW), Names(), taken))) == 1
    assert taken == {WINDOW}


def test_a_coding_agent_is_asked_for_lines_others_only_for_what_they_said() -> None:
    (coding,) = passages(conversation(WINDOW, WINDOW), Names(), set())
    assert [one.sort for one in coding.questions] == ["shown again", *["line"] * used_later.READINGS]
    for one in coding.questions[1:]:
        assert f"On which line of tool output 2 is: value_{one.answer.strip()} = " in one.ask
    (fact,) = next(passages(conversation(WINDOW, WINDOW, source="toolbench"), Names(), set())).questions
    assert (fact.sort, fact.ask, fact.answer) == ("shown again", f"\n\nAssistant: {SAID}", " compute_7")


def test_a_line_without_a_number_is_asked_how_it_goes_on() -> None:
    text = "Looking for updates of everything\nNothing was found that is newer than what is here\nTwice\nTwice\n"
    (found,) = passages(conversation(text, text, said="No"), Names(), set())
    assert {(one.ask.rpartition("\nAnswer: ")[2], one.answer) for one in found.questions} == {
        ("Looking for updates", " of everything"),
        ("Nothing was found that is", " newer than what is here"),
    }


def test_what_the_tools_definitions_say_is_not_asked_for() -> None:
    one = conversation(WINDOW, WINDOW, source="tau-airline")
    known = Conversation(one.source, one.name, one.messages, [{"name": "compute_7"}], one.outputs, one.facts)
    assert next(passages(one, Names(), set()), None) is not None
    assert next(passages(known, Names(), set()), None) is None


def test_the_words_before_begin_with_a_whole_word() -> None:
    said = "It is long. " * 40 + "And then this one is"
    (found,) = passages(conversation(WINDOW, WINDOW, source="toolbench", said=said), Names(), set())
    lead = found.questions[0].ask.removeprefix("\n\nAssistant: ")
    assert said.endswith(" " + lead)
    assert used_later.LEAD - 10 <= len(lead) <= used_later.LEAD


def test_a_word_that_stands_at_a_messages_beginning_is_not_asked_for() -> None:
    one = conversation(WINDOW, WINDOW, source="toolbench", said="No:")
    assert one.facts == (Fact("compute_7", 2, 5),)
    assert not list(passages(one, Names(), set()))


def test_the_corpus_has_questions_of_every_source_and_their_answers_stand_in_what_is_shown(corpus: Path) -> None:
    del corpus
    sources = used_later.of_conversations(Names(), every=9)
    assert list(sources) == ["tau-airline", "toolbench", "swe-agent as tools"]
    found = [one for source in sources.values() for one in islice(source, 3)]
    assert found
    for passage in found:
        assert len(passage.original) <= used_later.MOST_TOGETHER
        for one in passage.questions:
            assert one.answer.strip() in passage.original


def test_of_a_line_that_is_left_out_nothing_is_asked() -> None:
    gone = "progress of a download that is over by now"

    class Leaves(Names):
        def forwarded(self, message: Message, texts: list[str]) -> Message:
            text = text_of(message)
            return {**message, "content": text.replace(gone, "[narrows: line 1 left out]")}

    (found,) = passages(conversation(f"{gone}\nwhat the program printed was only this"), Leaves(), set())
    assert [one.ask.partition("says: ")[2].partition(" ...")[0] for one in found.questions] == [
        "what the program printed"
    ]
