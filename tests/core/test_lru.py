from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from narrows.core.lru import ENTRY_BYTES, BoundedMemory

KEYS = st.sampled_from((b"a", b"b", b"c", b"d"))
STEPS = st.lists(st.tuples(st.sampled_from(("get", "put", "forget")), KEYS, st.integers(0, 900)))


@given(STEPS, st.integers(0, 2_500))
def test_it_is_a_list_in_the_order_of_use_cut_at_the_limit(steps: list[tuple[str, bytes, int]], limit: int) -> None:
    memory: BoundedMemory[int] = BoundedMemory(limit)
    model: list[tuple[bytes, int]] = []  # the most recently used last
    for action, key, size in steps:
        known = dict(model)
        if action == "get":
            assert memory.get(key) == known.get(key)
            if key in known:
                model = [one for one in model if one[0] != key] + [(key, known[key])]
            continue
        model = [one for one in model if one[0] != key]
        if action == "forget":
            memory.forget(key)
        else:
            memory.put(key, size, size)
            if size + 1 + ENTRY_BYTES <= limit:
                model.append((key, size))
        while sum(size + 1 + ENTRY_BYTES for _, size in model) > limit:
            model.pop(0)
        assert len(memory) == len(model)
        assert memory.size_bytes == sum(size + 1 + ENTRY_BYTES for _, size in model) <= limit


def test_what_fills_it_to_the_last_byte_is_held() -> None:
    memory: BoundedMemory[str] = BoundedMemory(2 * (10 + 1 + ENTRY_BYTES))
    for key in (b"a", b"b"):
        memory.put(key, "v", 10)
    assert (len(memory), memory.size_bytes) == (2, memory.limit_bytes)
    memory.put(b"c", "v", 10)
    assert (memory.peek(b"a"), memory.peek(b"b"), memory.peek(b"c")) == (None, "v", "v")


def test_it_counts_hits_and_misses() -> None:
    memory: BoundedMemory[str] = BoundedMemory(10_000)
    memory.put(b"k", "v", 1)
    assert (memory.get(b"k"), memory.get(b"other"), memory.get(b"k")) == ("v", None, "v")
    assert (memory.hits, memory.misses) == (2, 1)
