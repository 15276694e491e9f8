"""What only digits say: statuses, severities, numbers of failures, and figures that look like a test's name."""

from __future__ import annotations

from collections import Counter

import pytest

from narrows.compressors.log.classes import Tone
from narrows.compressors.log.decide import decide
from narrows.compressors.log.figures import judge, settle, without_digits


def judged(line: str) -> tuple[Tone, str] | None:
    keys = without_digits([line], [line])
    found = [*judge(keys, [line], Counter(keys))]
    return found[0][1:] if found else None


@pytest.mark.parametrize(
    "line",
    [
        '1.2.3.4 - - [04/Mar/2025:10:00:00 +0000] "GET /x HTTP/1.1" {} 12 "-" "curl/8"',
        "2025-03-04 10:00:00 INFO GET /v1/pay {} 12ms",
        "GET /v1/pay HTTP/1.1 {}",
        "POST https://shop.example.org/pay -> {}",
        "HTTP/1.1 {} Whatever",
        "level=info msg=request status={} path=/pay",
        '{{"msg":"request","status":{}}}',
        '{{"log":"{{\\"statusCode\\":{}}}"}}',
        "Completed {} in 12ms (Views: 3.1ms)",
        '[GIN] 2025/03/04 - 10:00:00 | {} | 12ms | 1.2.3.4 | GET "/pay"',
        "the service responded with {}",
        "Status Code: {}",
    ],
)
def test_a_status_tells_whose_fault_it_was(line: str) -> None:
    assert judged(line.format(503)) == (Tone.MENTION, "5xx")
    assert judged(line.format(404)) == (Tone.MENTION, "4xx")
    assert judged(line.format(200)) is None
    assert judged(line.format(50)) is None


@pytest.mark.parametrize(
    "line",
    ["status=500ms", "GET /v1/500 200", "took 503 ms", "HTTP server on port 443", "returned 404.5", "Sent 512KB"],
)
def test_other_numbers_are_no_status(line: str) -> None:
    assert judged(line) is None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<11>1 2025-03-04T10:00:00Z h app 1 - - gone", (Tone.ERROR, "")),
        ("<12>Mar  4 10:00:00 h app[1]: slow", (Tone.WARNING, "")),
        ("<14>1 2025-03-04T10:00:00Z h app 1 - - up", None),
        ("*Mar  4 10:00:00: %SYS-2-MALLOCFAIL: Memory", (Tone.ERROR, "")),
        ("*Mar  4 10:00:00: %LINK-4-X: Memory", (Tone.WARNING, "")),
        ("*Mar  4 10:00:00: %SYS-5-CONFIG_I: Configured", None),
    ],
)
def test_a_severity_is_a_level(line: str, expected: tuple[Tone, str] | None) -> None:
    assert judged(line) == expected


def test_a_few_failures_of_the_server_are_seen_among_many_of_clients() -> None:
    lines = [f'1.2.3.4 - - [x] "GET /f{i}/{i} HTTP/1.1" {404 if i % 3 else 200} 7' for i in range(900)]
    lines[300] = lines[300].replace("200 7", "500 7")
    lines[600] = lines[600].replace("200 7", "503 7")
    lines[601] = lines[300].replace("500", "502")
    shown = decide(lines).show
    assert all(shown[number] for number in (300, 600, 601))
    assert sum(shown) < 20


def test_a_passed_test_that_is_named_after_a_status_is_passed() -> None:
    lines = [f"test_answers (t.T{i}) GET /x 404 ... ok" for i in range(99)]
    assert sum(decide(lines).show) < 10


def test_numbers_below_a_failed_test_are_no_names_of_passed_ones() -> None:
    lines = [*(f"[info] - does thing {i}" for i in range(60)), "[info] - adds up *** FAILED ***"]
    lines += ["[info]   -2 did not equal 0 (CartSpec.scala:11)", *(f"[info] - does other {i}" for i in range(60))]
    keys = without_digits(lines, lines)
    settle(lines, keys)
    assert keys[61] == "[info] number   - did not equal  (CartSpec.scala:)"
    shown = decide(lines).show
    assert all(shown[60:62])
    assert sum(shown) < 10


def test_digits_are_removed_and_a_line_of_digits_or_in_a_frame_is_not_blank() -> None:
    lines = ["step 12 of 40", "2024", "", "  7", "é\ud83d1"]
    assert without_digits(lines, lines) == ["step  of ", "0", "", "0", "é\ud83d"]
    assert without_digits(["", "x"], ["web-1  | ", "web-1  | x"]) == ["0", "x"]
