"""What is known of a page while it is read: the lines so far, what is open, what was left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from narrows.compressors.html_page.nesting import Nesting
from narrows.compressors.html_page.pieces import Piece
from narrows.compressors.html_page.rows import Rows
from narrows.compressors.html_page.writing import ADDRESS, ADDRESS_END, Writer


@dataclass
class LeftOut:
    """How much of each class is not shown. Characters are those of text, white space not counted."""

    scripts: int = 0
    styles: int = 0
    comments: int = 0
    heads: int = 0
    drawings: int = 0
    hidden: int = 0
    hidden_characters: int = 0
    images: int = 0
    unaddressed: int = 0
    in_code: int = 0
    tags: int = 0
    attributes: int = 0


@dataclass
class Page:
    """`lines` hold numbers in the place of `addresses`; `about` is what the page's head says of it. `characters`: of
    the text shown. `cut`: what the source breaks off inside of, if anything."""

    lines: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    about: list[str] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)
    characters: int = 0
    cut: str = ""


class Reading:
    """The state of one pass. `at`: the number of the piece that is being read."""

    def __init__(self, found: list[Piece], data_tables: frozenset[int]) -> None:
        self.page = Page()
        self.left_out = self.page.left_out
        self.writer = Writer()
        self.pieces = found
        self.at = 0
        self.open: defaultdict[str, int] = defaultdict(int)
        self.nesting = Nesting()
        self.data_tables = data_tables
        self.tables = 0
        self.rows: Rows | None = None
        self.in_cell: list[bool] = []
        self.span = (1, 1)
        self.lists: list[int | None] = []
        self.link: str | None = None
        self.link_label = ""
        self.link_start: int | None = None
        self.code_links: dict[tuple[str, str], None] = {}
        self.raised: list[bool] = []
        self.times: list[tuple[str, int]] = []

    def say(self, what: str, value: str) -> None:
        """Something that the page's head says of it."""
        words = " ".join(value.split())
        if words:
            self.page.about.append(f"{what}: {words}")

    def address(self, address: str) -> str:
        """What stands for an address until all are known."""
        self.page.addresses.append(address)
        return f"{ADDRESS}{len(self.page.addresses) - 1}{ADDRESS_END}"


Open = Callable[[Reading, str, dict[str, str]], None]
"""What an opening tag does: the reading, its name, its attributes."""
Close = Callable[[Reading, str], None]
