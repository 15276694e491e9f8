from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.core.units import parse_duration_s, parse_size_bytes, show_duration, show_size


@given(st.integers(0, 2**50))
def test_a_shown_size_reads_back(size_bytes: int) -> None:
    assert parse_size_bytes(show_size(size_bytes)) == size_bytes


@given(st.integers(0, 10**8))
def test_a_shown_duration_reads_back(milliseconds: int) -> None:
    assert parse_duration_s(show_duration(milliseconds / 1000)) == milliseconds / 1000


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("1024", 1024), ("512KB", 512_000), ("64MiB", 67_108_864), ("1 gib", 2**30), ("7b", 7)],
)
def test_sizes(text: str, size_bytes: int) -> None:
    assert parse_size_bytes(text) == size_bytes


@pytest.mark.parametrize(
    "text", ["", "MiB", "-1", "1.5MiB", "64M", "64 MiB or so", "\u0661", "1e3", "9" * 18 + "KB", "9" * 30]
)
def test_what_is_not_a_size(text: str) -> None:
    with pytest.raises(ValueError, match="a size is"):
        parse_size_bytes(text)


@pytest.mark.parametrize(
    ("text", "duration_s"), [("10", 10.0), ("10s", 10.0), ("2m", 120.0), ("250 ms", 0.25), ("1H", 3600.0)]
)
def test_durations(text: str, duration_s: float) -> None:
    assert parse_duration_s(text) == duration_s


@pytest.mark.parametrize("text", ["", "s", "-1s", "inf", "nan", "10 minutes", "1e3", "1d", "1000000h"])
def test_what_is_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="a duration is"):
        parse_duration_s(text)


@pytest.mark.parametrize(("size_bytes", "text"), [(64 << 20, "64MiB"), (1024, "1KiB"), (1000, "1000"), (0, "0")])
def test_sizes_are_shown_in_the_largest_unit_that_divides_them(size_bytes: int, text: str) -> None:
    assert show_size(size_bytes) == text


@pytest.mark.parametrize(("duration_s", "text"), [(600.0, "600s"), (0.25, "0.25s"), (0.0, "0s")])
def test_durations_are_shown_in_seconds(duration_s: float, text: str) -> None:
    assert show_duration(duration_s) == text
