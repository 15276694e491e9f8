"""One bound for the bytes of all request bodies that are held at once, by exchanges and by what works for them."""

from __future__ import annotations


class ByteBudget:
    """Counts bytes held; `take` says no where the bound would be passed."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def has_room(self, size: int) -> bool:
        """Whether `size` more bytes could be taken now."""
        return self.held + size <= self.limit

    def take(self, size: int) -> bool:
        """Count `size` more bytes, or return False and count nothing."""
        if self.held + size > self.limit:
            return False
        self.held += size
        return True

    def hold(self, size: int) -> None:
        """Count `size` bytes that are held already, even past the bound; until it is kept again `take` says no."""
        self.held += size

    def give_back(self, size: int) -> None:
        """Stop counting bytes that were taken."""
        self.held -= size
