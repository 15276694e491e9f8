from __future__ import annotations

from rich.console import Console

from narrows.cli.demo.forwarded import Forwarded
from narrows.cli.demo.replay import Measured
from narrows.cli.demo.report import TurnResult, print_report
from narrows.cli.demo.session import Turn


def result(extends: bool | None, *, tokens: tuple[int | None, int | None] = (1000, 400)) -> TurnResult:
    return TurnResult(
        turn=Turn("rg -n [x]", ()),
        straight=Measured(tokens[0], 0, 3.0),
        narrowed=Measured(tokens[1], 250, 1.5),
        forwarded=Forwarded(extends, "9 to 3 bytes: [narrows: head]", 1),
        counted=None if tokens[0] is not None else (80, 40),
    )


def printed(results: list[TurnResult], *, reports_figures: bool = True) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        print_report(console, results, reports_figures)
    return capture.get()


def test_the_table_shows_what_the_model_said_and_the_sums() -> None:
    text = printed([result(None), result(True)])
    assert "rg -n [x]" in text
    assert "60%" in text
    assert "2,000 prompt tokens sent, 800 forwarded (60% saved)" in text
    assert "6.0 s straight, 3.0 s narrowed" in text
    assert "as the turn before had sent it: yes" in text
    assert "9 to 3 bytes: [narrows: head]" in text


def test_a_broken_prefix_is_not_hidden() -> None:
    text = printed([result(None), result(False)])
    assert "as the turn before had sent it: NO" in text


def test_without_a_models_figures_its_columns_are_absent() -> None:
    text = printed([result(None, tokens=(None, None))], reports_figures=False)
    assert "cached" not in text
    assert "1st tok" not in text
    assert "first token" not in text
    assert "80" in text
    assert "50%" in text


def test_eighty_characters_hold_the_table() -> None:
    lines = printed([result(None), result(True)]).splitlines()
    table = lines[: next(index for index, line in enumerate(lines) if line.startswith("turn 1"))]
    assert not any("…" in line for line in table)
    assert sum("3.00 s" in line for line in table) == 2
