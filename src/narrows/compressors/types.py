"""What a compressor is given, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from narrows.core.tool_call import ToolCall
from narrows.policy import Kind, Level

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Source:
    """A text to be decided, and the tool call that produced it: the call is older than the text, so it is legal
    evidence. What was found in the text is remembered with it: see `once`.
    """

    text: str
    tool_call: ToolCall | None = None
    _found: dict[Callable[[Source], Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def once(self, read: Callable[[Source], Found]) -> Found:
        """`read(self)`, computed when it is first asked for and remembered with the source. So what one method of a
        compressor has read reaches the next, and nothing is read twice. `read` is a pure function of a module, whose
        result nobody changes."""
        found = self._found
        if read not in found:
            found[read] = read(self)
        answer: Found = found[read]
        return answer


class Reason(StrEnum):
    """Why a part was kept as it is. The closed set that logs, metrics and docs speak of."""

    POLICY_OFF = "policy_off"
    TOO_SMALL = "too_small"
    ALREADY_SHORTENED = "already_shortened"
    """The text parses in full as our own output grammar (law 3)."""
    LOOKS_LIKE_OURS = "looks_like_ours"
    """A line of the source looks like one of our marks, so that a reader could not tell them apart (law 6)."""
    UNKNOWN_KIND = "unknown_kind"
    """No grammar explains the text, or two do, and the classifier named nothing we shorten."""
    NEVER_SHORTENED = "never_shortened"
    """Source code, prose, HTML and the like, or the output of a tool that reads files."""
    GRAMMAR = "grammar"
    """The named kind's compressor could not explain enough of the text."""
    NOTHING_TO_SAVE = "nothing_to_save"
    GATE = "gate"
    """The shortened text saves too few tokens."""
    BEFORE_CACHE_MINIMUM = "before_cache_minimum"
    """Shortened, the prompt would still be too short for its model's provider to cache it."""
    UNREADABLE = "unreadable"
    """A lone surrogate, or a duplicate key in the message."""
    NOT_ELIGIBLE = "not_eligible"
    """User text that no strict grammar explains as a whole."""
    COMPRESSOR_ERROR = "compressor_error"


@dataclass(frozen=True, slots=True)
class Kept:
    """The text stays as it is, and why. `kind` is what it was taken for, when that is known."""

    reason: Reason
    kind: Kind = Kind.UNKNOWN
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Compressed:
    """A shortened text. `lossless`: `expand` gives back the source exactly (law 7). `summary` is the head line's
    content in a few words, for logs and `narrows explain`; it never quotes the source."""

    kind: Kind
    text: str
    lossless: bool
    summary: str


class Verdict(StrEnum):
    """What a structural sniffer says of a text."""

    EXACT = "exact"
    """As YES, and by the very schema of one tool: a kind that also explains the text does so in wider terms."""
    YES = "yes"
    """The kind's strict grammar explains the whole of it."""
    MAYBE = "maybe"
    """It has the kind's marks, but the grammar alone does not prove it; the classifier decides."""
    NO = "no"


class Compressor(Protocol):
    """One kind's grammar: how to recognise it, shorten it, recognise our own output and undo it.

    All methods are pure, linear in the text, and depend on nothing but their arguments. Every text is shown to every
    compressor's `sniff`, and only to few ones' `compress`: so `sniff` refuses early, and what both need to read they
    read by `source.once(...)`.
    """

    @property
    def kind(self) -> Kind: ...

    def sniff(self, source: Source) -> Verdict:
        """Whether the text is of this kind."""
        ...

    def compress(self, source: Source, level: Level) -> Compressed | Kept:
        """Shorten, re-checking the grammar: a text named this kind by mistake is kept, never damaged. `sniff` may have
        been asked before, or not."""
        ...

    def is_output(self, text: str) -> bool:
        """Whether `text` parses in full as this compressor's output (law 3)."""
        ...

    def expand(self, text: str) -> str | None:
        """The source of a lossless output; None where `text` is not one."""
        ...


class Classifier(Protocol):
    """Names what the grammars leave undecided. Implementations live on the impure side; the same text always gets
    the same answer within one `version`."""

    @property
    def version(self) -> str:
        """Name and version, such as "magika-1.0.3"; part of the policy's version."""
        ...

    def classify(self, text: str) -> Kind | None:
        """The kind, or None where the score lies inside the margin or the label is in no table."""
        ...


class Decision(Struct, frozen=True, gc=False):
    """What was decided for one text, with the figures that logs and `narrows explain` show.

    Sizes are UTF-8 bytes of the decoded text. Tokens are counted in `encoding`; None where the gate never needed the
    count (a text kept for its kind is not tokenised). `encoding_assumed`: the encoding stands in for an unknown one.
    """

    result: Compressed | Kept
    bytes_before: int
    bytes_after: int
    tokens_before: int | None = None
    tokens_after: int | None = None
    encoding: str = ""
    encoding_assumed: bool = False
