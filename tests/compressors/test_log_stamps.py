"""Times before lines."""

from __future__ import annotations

import pytest

from narrows.compressors.log.decide import decide
from narrows.compressors.log.stamps import are_stamped, is_stamped, timeless, without_times

TRACE = [
    "ERROR boom",
    "Traceback (most recent call last):",
    '  File "a.py", line 3, in f',
    "    g()",
    "ValueError: no",
    "",
]


@pytest.mark.parametrize(
    "line",
    [
        "2024-05-01 12:00:00,123 x",
        "[12:00:01] x",
        "May  1 12:00:00 host x",
        "081109 203615 148 INFO x",
        "2024/05/01 x",
        "- 1117838570 2005.06.03 R02 x",
        "1117838570 2005.06.03 R02 x",
        "[    1.234567] x",
        "04-Mar-2025 12:00:00.1 x",
        "<30>Mar  4 12:00:00 h x",
        "<14>1 2025-03-04T12:00:00Z h x",
        "*Mar  4 12:00:00: x",
        "Tue Mar  4 12:00:00 UTC 2025 x",
        "Mar 04 2025 12:00:00 x",
        "m\u00e4rz 04 12:00:00 x",
        "1:M 04 Mar 2025 12:00:00 x",
        "E, [2025-03-04T12:00:00 x",
    ],
)
def test_lines_that_begin_with_a_time(line: str) -> None:
    assert is_stamped(line)
    assert not is_stamped("x " + line[20:])


def test_most_lines_decide() -> None:
    assert are_stamped(["12:00 a"] * 3 + ["b"] * 2)
    assert not are_stamped(["12:00 a"] * 2 + ["b"] * 2)


def test_a_line_without_its_times() -> None:
    assert timeless("2024-05-01 12:00:01,5 app[12]: x 7") == " app: x 7"
    assert timeless("May  1 12:00:00 x") == timeless("Jun 12 03:00:00 x")
    assert timeless("May  1 12:00:00 x") != timeless("May  1 12:00:00 y")
    assert timeless("May  1 12:00:00 host sshd[33]: x[4]: y") == " host sshd: x[4]: y"


@pytest.mark.parametrize(
    "line",
    [
        "{} ERROR x",
        "[{}] [error] x",
        "[ERROR] {} x",
        "web-1  | {} ERROR x",
        "[pod/web-7/app] {} ERROR x",
        'time="{}" level=error msg=x',
        "level=error ts={} caller=x",
        "2025-03-01T08:00:00.1234567Z {} ERROR x",
        '{{"log":"{} ERROR x\\n","stream":"stderr"}}',
        '{{"log":"{{\\"time\\":\\"{}\\",\\"msg\\":\\"x\\"}}","stream":"stderr"}}',
        '{{"t":{{"$date":"{}"}},"s":"E","msg":"x"}}',
    ],
)
@pytest.mark.parametrize("other", ["2024-05-02 23:59:59,999", "2024-05-02T00:00:01.5+02:00", "2024-05-02T01:01:01Z"])
def test_the_time_of_a_line_stands_before_what_it_says(line: str, other: str) -> None:
    assert timeless(line.format("2024-05-01 12:00:00")) == timeless(line.format(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ERROR partition 2024-04-03 missing", "ERROR partition 2024-04-04 missing"),
        ("12:00:01 ERROR slot 10:00:00 is taken", "12:00:01 ERROR slot 11:00:00 is taken"),
        ("12:00:01 ERROR device 52:54:00:12:34:56 lost", "12:00:01 ERROR device 52:54:00:12:34:57 lost"),
        ("52:54:00:12:34:56 ERROR lost", "52:54:00:12:34:57 ERROR lost"),
        ("ERROR: worker[12]: job failed", "ERROR: worker[13]: job failed"),
        ("12:00:01 ERROR in list[3]: none", "12:00:01 ERROR in list[4]: none"),
        (
            '{"time":1,"level":"error","msg":"x","day":"2024-05-01"}',
            '{"time":1,"level":"error","msg":"x","day":"2024-05-02"}',
        ),
    ],
)
def test_a_time_that_a_message_speaks_of_is_no_time_of_the_line(one: str, other: str) -> None:
    assert timeless(one) != timeless(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"ts":1714564800.25,"msg":"a 7"}', '{"ts":1.7145649e9,"msg":"a 7"}'),
        (
            '{"level": 50, "time": 1714564800123, "pid": 12, "msg": "a"}',
            '{"level": 50, "time": 1, "pid": 9, "msg": "a"}',
        ),
        ('{"__REALTIME_TIMESTAMP":"17","MESSAGE":"a"}', '{"__REALTIME_TIMESTAMP":"18","MESSAGE":"a"}'),
        ('{"time":"2025-03-01T09:00:00.1Z","log":"a"}', '{"time":"2025-03-02T09:00:00.12Z","log":"a"}'),
    ],
)
def test_records_that_differ_in_times_only(one: str, other: str) -> None:
    assert timeless(one) == timeless(other)
    assert timeless(one) != timeless(other.replace("a", "b"))


def test_what_a_machine_put_before_each_line_hides_nothing() -> None:
    plain = [f"gcc -Wall -O2 -fPIC -c -o build/file_{i}.o src/file_{i}.c" for i in range(60)]
    report = [
        "=== FAILURES ===",
        "___ test_x ___",
        "",
        "    def test_x():",
        *(f"        step_{i}({i})" for i in range(8)),
    ]
    report += [">       assert a == b", "E       assert 1 == 2", "", "t.py:3: AssertionError"]
    report += ["=== short test summary info ===", "FAILED t.py::test_x - assert 1 == 2"]
    lines = [f"2025-03-04T10:00:00.0123456Z {line}" for line in (*plain, *TRACE, *plain, *report, *plain)]
    shown = decide(lines).show
    assert all(shown[60:65])
    assert all(shown[126 : 126 + len(report)])
    assert sum(shown) < 60


def test_a_line_of_nothing_but_its_time_is_not_blank() -> None:
    lines = [f"2025-03-04T10:00:00.0123456Z {'' if i % 2 else f'step {i} of the build'}" for i in range(80)]
    shown = decide(lines)
    gaps = [shown.count(i, i + 1).classes for i, show in enumerate(shown.show) if not show]
    assert gaps
    assert not any("blank" in classes for classes in gaps)


@pytest.mark.parametrize(
    ("frame", "left"),
    [
        ("2026-01-01T00:00:01.003Z 10.0.0.5 ", "10.0.0.5"),
        ("2026-01-01T00:00:01.003Z [web-1-2] ", "[web-1-2]"),
        ("[2026-01-01T00:00:01.003+02:00] [pod/api-6-7/c] ", "[] [pod/api-6-7/c]"),
        ("2026/01/01 00:00:01 api-20260101 ", "api-20260101"),
        ("#12 0.531 ", "#12"),
    ],
)
def test_where_a_line_is_from_is_no_time(frame: str, left: str) -> None:
    """Else the same report of two machines would be said to differ in its times only."""
    assert without_times(frame) == left
