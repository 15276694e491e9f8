"""What may be shortened, how far, and from which size on.

A policy is frozen and has a version, and the version is part of every decision's cache key: an edit, once sent, must
be reproduced for ever, so everything an edit depends on apart from the conversation itself stands here.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from operator import attrgetter

from narrows.core.cache_minimum import BYTES_PER_TOKEN, MINIMA, MOST_BYTES_PER_TOKEN, bytes_per_token, cache_minimum

COMPRESSORS_VERSION = "1"
"""Raised by any change of a compressor's or sniffer's output: such a release rewrites live prefixes once."""


class Kind(StrEnum):
    """What a text is. JSON, logs, search results, diffs, tables, binary data and HTML pages can be shortened; `VIEW` is
    the content of a file with line numbers, of which only these are; `SCREEN` is any text with progress or colours in
    it, of which only these are; `REPEAT` is any text that earlier outputs of the same conversation show already; the
    others are always kept."""

    REPEAT = "repeat"
    JSON = "json"
    LOG = "log"
    SEARCH = "search"
    DIFF = "diff"
    TABLE = "table"
    BLOB = "blob"
    VIEW = "view"
    SCREEN = "screen"
    SOURCE = "source"
    HTML = "html"
    PROSE = "prose"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """How far to go: nothing; only forms that decode to the source exactly; or leaving things out, counted."""

    OFF = "off"
    LOSSLESS = "lossless"
    BALANCED = "balanced"


class Scope(StrEnum):
    """Which parts of a conversation are eligible: every one (`stable`), or only the latest tool message's and the
    latest user message's (`latest`, which gives up the provider's prompt cache; see docs/departures.md)."""

    STABLE = "stable"
    LATEST = "latest"


class Pages(StrEnum):
    """Which HTML pages become text at the level `balanced`: none; those that a tool with an address among its arguments
    fetched; or also what a shell's `curl`, `wget` and the like printed."""

    OFF = "off"
    TOOLS = "tools"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds and levels. Sizes are UTF-8 bytes of the decoded text; shares are of the original's tokens.

    `cache_minimum_tokens`: from how many tokens on a model's provider caches a prompt; parts before that stay. None:
    what is known of the model by its name (`core/cache_minimum`).

    `classifier` names the classifier in force and its version ("none", or such as "magika-1.0.3"); `tokenizer` the
    library and version that counts for the gate. Both change decisions, hence both belong to `version`.
    """

    level: Level = Level.BALANCED
    scope: Scope = Scope.STABLE
    json_min_bytes: int = 256
    log_min_bytes: int = 512
    search_min_bytes: int = 512
    diff_min_bytes: int = 1024
    repeat_min_bytes: int = 256
    table_min_bytes: int = 1024
    blob_min_bytes: int = 1024
    view_min_bytes: int = 512
    screen_min_bytes: int = 256
    html_min_bytes: int = 2048
    html_pages: Pages = Pages.OFF
    min_saved_tokens: int = 32
    min_saved_share: float = 0.10
    min_saved_share_assumed: float = 0.20
    cache_minimum_tokens: int | None = None
    classifier: str = "none"
    tokenizer: str = ""

    def __post_init__(self) -> None:
        """Refuse what would later be taken for something else, such as the string "lossless" for a level.

        Raises:
            TypeError: a value is of another type than its field.
            ValueError: a threshold is under zero, or not a number.
        """
        if not isinstance(self.level, Level) or not isinstance(self.scope, Scope):
            raise TypeError("a policy's level is a Level and its scope a Scope, such as Level.LOSSLESS, Scope.STABLE")
        if not isinstance(self.html_pages, Pages):
            raise TypeError("a policy's html_pages is one of Pages, such as Pages.TOOLS")
        names = _THRESHOLDS if self.cache_minimum_tokens is None else (*_THRESHOLDS, "cache_minimum_tokens")
        for name in names:
            if not getattr(self, name) >= 0:
                raise ValueError(f"a policy's {name} is zero or more, not {getattr(self, name)!r}")

    @property
    def version(self) -> str:
        """Sixteen hex digits over everything an edit depends on; not over `scope`, which only chooses parts."""
        tables = MINIMA, BYTES_PER_TOKEN, MOST_BYTES_PER_TOKEN
        text = repr((COMPRESSORS_VERSION, tables, astuple(replace(self, scope=Scope.STABLE))))
        return blake2b(text.encode(), digest_size=8).hexdigest()

    def cache_minimum_bytes(self, model: str | None) -> int:
        """How much must be said in a prompt before the parts behind it may be shortened; 0 where nothing must."""
        tokens = cache_minimum(model) if self.cache_minimum_tokens is None else self.cache_minimum_tokens
        return int(tokens * bytes_per_token(model))

    def least_tokens(self, *, assumed: bool) -> int:
        """How many tokens a text must lose; `assumed` as in `least_share`.

        OpenAI's models to GPT-5.5, which have the vocabularies that are known, read caches in steps of 128 tokens. A
        prompt that becomes a little shorter can lose a step by it, which costs more than was saved: there it is twice
        as many, half a step by default.
        """
        return self.min_saved_tokens if assumed else 2 * self.min_saved_tokens

    def least_share(self, kind: Kind, *, assumed: bool) -> float:
        """The share of its tokens that a text must lose; `assumed`: they are counted in a stand-in's vocabulary.

        Of repeats what goes and what stays are lines of the same tool, so that the share is much the same in every
        vocabulary, and nothing is lost to a reader: half is enough.
        """
        if kind is Kind.REPEAT:
            return self.min_saved_share / 2
        return self.min_saved_share_assumed if assumed else self.min_saved_share

    @property
    def smallest_min_bytes(self) -> int:
        """Under this size no kind is eligible, so nothing needs to be detected."""
        smallest: int = min(_OF_KINDS(self))
        return smallest

    def min_bytes(self, kind: Kind) -> int | None:
        """The threshold of a kind that can be shortened; None for the kinds that are always kept."""
        name = _THRESHOLD_OF.get(kind)
        return None if name is None else getattr(self, name)


_THRESHOLD_OF = {kind: f"{kind}_min_bytes" for kind in Kind if f"{kind}_min_bytes" in Policy.__slots__}
"""The field with a kind's threshold; a kind without one is always kept."""
_OF_KINDS = attrgetter(*_THRESHOLD_OF.values())
_THRESHOLDS = tuple(name for name in Policy.__slots__ if "min_" in name)
