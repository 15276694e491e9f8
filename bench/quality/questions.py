"""Questions about tool outputs whose answers are known without a model: from the corpus's gold or from the text.

A small model reads short texts only, so most are pieces of recorded ones, cut at line ends (of JSON: some rows of an
array). The seed of every choice is the text's name. A question is asked only
where the text has one answer to it; for a row or a match, only where others could be mistaken for it.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from bench.quality import conversations, corpus, pages, visible
from bench.quality.conversations import text_of
from bench.quality.corpus import Text
from bench.quality.shorteners import Shortener
from narrows.compressors.types import Compressed
from narrows.core.tool_call import ToolCall

MOST_CHARACTERS = 1600
LEAST_CHARACTERS = 1100
MOST_ANSWER_CHARACTERS = 60
QUESTIONS = 6
"""About one text."""

PIECES = 6
"""Of one recorded text."""

VIEW_LINES = 30
"""Of a piece of a file."""

_WINDOW_LINE = re.compile(r"(?m)^([1-9][0-9]*):(.*)$")
_NUMBERED = re.compile(r"(?m)^( *[0-9]+)[\t\u2192](.*)$")
_COLUMN = re.compile(r"[0-9]+:")
_RESULT = re.compile(r"([^:\n]+):([0-9]+):(.*)")


@dataclass(frozen=True, slots=True)
class Question:
    """`ask` is what stands after the tool output, up to the answer; `sort` names what is asked for."""

    sort: str
    ask: str
    answer: str


Asked = tuple[Text, list[Question]]


@dataclass(frozen=True, slots=True)
class Passage:
    """What the model is given, as it was and as it is forwarded, and what it is asked about it."""

    name: str
    original: str
    shortened: str
    questions: list[Question]


def passages(texts: Iterable[Asked], shortener: Shortener) -> Iterator[Passage]:
    """Of texts, each a tool's only output, those that are shortened."""
    for text, about in texts:
        found = shortener.text(text)
        if found.decision is not None and isinstance(found.decision.result, Compressed):
            yield Passage(text.name, f"Tool output:\n{text.text}", f"Tool output:\n{found.text}", about)


def of_corpus() -> dict[str, Iterator[Asked]]:
    """By kind: texts and what is asked about each, the recorded texts taken in turn."""
    return {
        "log": _in_turn(corpus.logs(), _log_pieces, _of_log),
        "json": _in_turn(corpus.api_answers(), _json_pieces, _of_rows),
        "search": _in_turn([one for one in corpus.searches() if one.group == "matches"], _pieces, _of_matches),
        "diff": _in_turn(corpus.diffs(), _diff_pieces, _of_diff),
        "html": _of_pages(),
        "view": _in_turn(_views(), lambda text, _: [text.text], _of_view),
    }


def _in_turn(
    texts: list[Text],
    pieces: Callable[[Text, random.Random], list[str]],
    ask: Callable[[Text, random.Random], list[Question]],
) -> Iterator[Asked]:
    """The first piece of every text, then the second of every text, and so on."""
    cut = [(text, pieces(text, random.Random(text.name))) for text in texts]
    for number in range(PIECES):
        for text, found in cut:
            if number < len(found):
                name = f"{text.name}, piece {number + 1}"
                piece = Text(text.kind, name, text.group, found[number], text.call, text.gold, text.record)
                questions = [one for one in ask(piece, random.Random(name)) if can_be_asked(one)]
                if questions:
                    yield piece, questions


def can_be_asked(question: Question) -> bool:
    """Whether a grammar can hold the model to the answer."""
    answer = question.answer
    return 0 < len(answer) <= MOST_ANSWER_CHARACTERS and answer.isascii() and answer.isprintable()


def asked(question: str) -> str:
    """What stands after the tool output."""
    return f"\n\nQuestion: {question}\nAnswer:"


# --- pieces -----------------------------------------------------------------------------------------------------------


def _cut(lines: list[str], start: int) -> str:
    """As many lines from `start` on as are short enough together."""
    size, stop = 0, start
    while stop < len(lines) and size + len(lines[stop]) < MOST_CHARACTERS:
        size += len(lines[stop]) + 1
        stop += 1
    return "\n".join(lines[start:stop])


def _pieces(text: Text, chance: random.Random) -> list[str]:
    lines = text.text.split("\n")
    starts = {0, *(chance.randrange(max(1, len(lines) - 10)) for _ in range(PIECES))}
    return _long_enough(_cut(lines, start) for start in sorted(starts))


def _long_enough(pieces: Any) -> list[str]:
    return [piece for piece in dict.fromkeys(pieces) if len(piece) >= LEAST_CHARACTERS][:PIECES]


def _log_pieces(text: Text, chance: random.Random) -> list[str]:
    """Pieces that hold a string of the gold."""
    lines = text.text.split("\n")
    places = [i for i, line in enumerate(lines) if any(fact in line for facts in text.gold.values() for fact in facts)]
    chosen = chance.sample(places, min(PIECES, len(places)))
    return _long_enough(_cut(lines, max(0, place - chance.randint(3, 14))) for place in sorted(chosen))


def _diff_pieces(text: Text, chance: random.Random) -> list[str]:
    """Whole hunks of one file each."""
    found: list[str] = []
    for section in visible.sections(text.text):
        header, *hunks = re.split(r"(?m)^(?=@@ )", section)
        while hunks and len(header) + sum(map(len, hunks)) > MOST_CHARACTERS:
            hunks.pop()
        found.append(header + "".join(hunks))
    found = [piece for piece in found if len(piece) >= LEAST_CHARACTERS]
    return chance.sample(found, min(PIECES, len(found)))


def _json_pieces(text: Text, chance: random.Random) -> list[str]:
    """Some rows of the longest array."""
    try:
        value = json.loads(text.text)
        for key in text.record["array_pointer"].split("/")[1:]:
            value = value[int(key)] if isinstance(value, list) else value[key]
    except (ValueError, KeyError, IndexError, TypeError):
        return []
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    found = []
    for _ in range(PIECES):
        start = chance.randrange(max(1, len(rows) - 3)) if rows else 0
        stop = start
        while stop < len(rows) and len(json.dumps(rows[start : stop + 1])) <= MOST_CHARACTERS:
            stop += 1
        if stop - start >= 3:
            found.append(json.dumps(rows[start:stop]))
    return _long_enough(found)


# --- questions --------------------------------------------------------------------------------------------------------


def _of_log(text: Text, chance: random.Random) -> list[Question]:
    """How a line of the gold goes on, and which test failed. Of a coloured text nothing is asked: the model would have
    to write the colour codes, which shortening removes."""
    clean = text.text
    if "\x1b" in clean:
        return []
    found: list[Question] = []
    for key, facts in text.gold.items():
        for fact in facts:
            begin, rest = _parted(clean, fact) if clean.count(fact) == 1 else ("", "")
            if len(begin) >= 8 and clean.count(begin) == 1:
                ask = asked(f"The output says: {begin} ... How does this go on?")
                found.append(Question(key, f"{ask} {begin}", rest[:MOST_ANSWER_CHARACTERS]))
    failed = [name for name in text.gold.get("failing_tests", []) if name in clean]
    if len(failed) == 1:
        found.append(Question("failing test", asked("Which test failed?"), f" {failed[0]}"))
    return chance.sample(found, min(QUESTIONS, len(found)))


def _parted(text: str, fact: str) -> tuple[str, str]:
    """What stands on the fact's line before it, and the fact; where that is little, the halves of the fact."""
    at = text.index(fact)
    before = text[text.rfind("\n", 0, at) + 1 : at].lstrip()[-60:]
    if len(before) < 8:
        middle = fact.find(" ", len(fact) // 2)
        before, fact = fact[:middle], fact[middle:]
    begin = before.rstrip()
    return begin, " " * (len(before) > len(begin)) + fact


def _of_rows(text: Text, chance: random.Random) -> list[Question]:
    """A member of a row that another member names."""
    rows = [{key: value for key, value in row.items() if _is_plain(value)} for row in json.loads(text.text)]
    found: list[Question] = []
    for row in rows:
        names = [key for key, value in row.items() if [one.get(key) for one in rows].count(value) == 1]
        names = [key for key in names if isinstance(row[key], str) and 3 <= len(row[key]) <= 80]
        if not names:
            continue
        name = min(names, key=lambda key: len(row[key]))
        for key in row:
            if key != name and len({str(one.get(key)) for one in rows}) > 1:
                ask = asked(f'What is "{key}" of the entry whose "{name}" is "{row[name]}"?')
                found.append(Question("member", ask, f" {row[key]}"))
    return chance.sample(found, min(QUESTIONS, len(found)))


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _of_matches(text: Text, chance: random.Random) -> list[Question]:
    """The line of a match, its file, and how many a file has."""
    gold: dict[str, list[int]] = text.record.get("files", {})
    results = [result.groups() for line in text.text.split("\n") if (result := _RESULT.fullmatch(line))]
    results = [one for one in results if int(one[1]) in gold.get(one[0], ())]
    if all(_COLUMN.match(one[2]) for one in results):
        results = [(path, number, _COLUMN.sub("", line)) for path, number, line in results]
    texts = Counter(one[2].strip() for one in results)
    files = Counter(one[0] for one in results)
    single = [one for one in results if texts[one[2].strip()] == 1 and 12 <= len(one[2].strip()) <= 120]
    found: list[Question] = []
    for path, number, line in chance.sample(single, min(3, len(single))):
        found.append(Question("line", asked(f"On which line of {path} is: {line.strip()} ?"), f" {number}"))
        if len(files) > 1:
            found.append(Question("file", asked(f"Which file contains: {line.strip()} ?"), f" {path}"))
    whole = sorted(files)[1:-1]  # the first and the last may be cut
    if whole:
        path = chance.choice(whole)
        found.append(Question("count", asked(f"How many matches does {path} have?"), f" {files[path]}"))
    return chance.sample(found, min(QUESTIONS, len(found)))


def _of_diff(text: Text, chance: random.Random) -> list[Question]:
    """What a line became, in which function, and how many lines were added."""
    lines = text.text.split("\n")
    found: list[Question] = []
    for old, new, after in zip(lines, lines[1:], lines[2:], strict=False):
        if old[:1] == "-" and new[:1] == "+" and after[:1] != "+" and not old.startswith("---"):
            before, became = old[1:].strip(), new[1:].strip()
            if len(before) >= 12 and text.text.count(before) == 1:
                ask = asked(f"What did the line become that was: {before} ?")
                found.append(Question("changed line", ask, f" {became[: MOST_ANSWER_CHARACTERS - 1]}"))
    found = chance.sample(found, min(4, len(found)))
    added, removed = visible.numstat(text.text)
    if added and removed:
        found.append(Question("lines added", asked("How many lines does this diff add?"), f" {added}"))
    _, is_named, name = lines[0].rpartition(" b/")
    if is_named:
        found.append(Question("file", asked("Which file does this diff change?"), f" {name}"))
    return chance.sample(found, min(QUESTIONS, len(found)))


def _views() -> list[Text]:
    """Pieces of the files that coding agents looked at, as a shell and as an agent's own tool number their lines."""
    found: list[Text] = []
    taken: set[str] = set()
    for one in conversations.coding(as_tools=True):
        for index in sorted(one.outputs):
            lines = _WINDOW_LINE.findall(text_of(one.messages[index]))
            for start in range(0, len(lines) - VIEW_LINES, 4 * VIEW_LINES):
                piece = lines[start : start + VIEW_LINES]
                if piece[0][1] + piece[-1][1] not in taken:
                    taken.add(piece[0][1] + piece[-1][1])
                    by_shell = len(found) % 2 == 0
                    gutter = "{:>6}\t" if by_shell else "{:>6}\u2192"
                    call = ToolCall("bash", '{"command": "nl -ba file"}') if by_shell else ToolCall("Read", "{}")
                    text = "\n".join(gutter.format(number) + line for number, line in piece)
                    name = f"{one.name}, message {index}, line {piece[0][0]}"
                    found.append(Text("view", name, call.name, text, call))
    return found


def _of_view(text: Text, chance: random.Random) -> list[Question]:
    """On which line something stands, and what stands on a line."""
    lines = [(number.strip(), line.strip()) for number, line in _NUMBERED.findall(text.text)]
    contents = Counter(line for _, line in lines)
    single = [one for one in lines if contents[one[1]] == 1 and 12 <= len(one[1]) <= MOST_ANSWER_CHARACTERS - 1]
    chosen = chance.sample(single, min(QUESTIONS, len(single)))
    return [
        Question("line", asked(f"On which line is: {line} ?"), f" {number}")
        if place % 3
        else Question("content", asked(f"What stands on line {number} ?"), f" {line}")
        for place, (number, line) in enumerate(chosen)
    ]


def _of_pages() -> Iterator[Asked]:
    """Cells of a page's table, and where its links lead."""
    for text, about in pages.with_facts():
        yield text, [Question(sort, asked(question), answer) for sort, question, answer in about]
