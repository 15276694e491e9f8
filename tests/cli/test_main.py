from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace

import pytest

from narrows.cli import main as main_module
from narrows.cli.failure import Failure
from narrows.cli.main import COMMANDS, Row, main
from narrows.errors import SettingsError


def command_that(run: Callable[[Namespace], int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `narrows probe` a command that does `run`."""

    def configure(parser: ArgumentParser) -> None:
        parser.add_argument("--number", type=int, default=0)

    monkeypatch.setitem(sys.modules, "probe_command", SimpleNamespace(configure=configure, run=run, __doc__="Probe."))
    monkeypatch.setattr(main_module, "COMMANDS", (*COMMANDS, Row("probe", "probe", "probe_command")))


@pytest.mark.parametrize("row", COMMANDS, ids=lambda row: row.name)
def test_every_command_says_what_it_does(row: Row, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([row.name, "--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: narrows {row.name}")
    assert len(text) > 300


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    assert all(row.name in text.split() and row.summary.split()[0] in text for row in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"narrows {version('narrows')}\n"


def test_no_command_is_help_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: narrows" in capsys.readouterr().err


def test_an_unknown_argument_is_answered_with_its_commands_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["expand", "text", "--nothing"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: narrows expand")
    assert "narrows expand: error: unrecognized arguments: --nothing" in said


def test_a_flag_that_is_nearly_one_names_it_below_a_short_usage(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--upstrem=http://127.0.0.1:9000"])
    usage, error = capsys.readouterr().err.splitlines()
    assert usage == "usage: narrows serve --upstream URL [options]"
    assert error.endswith("unrecognized arguments: --upstrem=http://127.0.0.1:9000; did you mean --upstream?")


def test_an_unknown_command_names_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sevre"])
    assert ended.value.code == 2
    assert "serve" in capsys.readouterr().err


def test_a_command_gets_its_arguments_and_gives_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    command_that(lambda arguments: arguments.number, monkeypatch)
    assert main(["probe", "--number", "7"]) == 7


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (Failure("the file is gone"), 1, "narrows probe: the file is gone\n"),
        (Failure("nothing there", 3), 3, "narrows probe: nothing there\n"),
        (SettingsError(("one", "two")), 2, "narrows probe: one\nnarrows probe: two\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_failures_become_messages_and_statuses(
    error: BaseException,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(arguments: Namespace) -> int:
        raise error

    command_that(fail, monkeypatch)
    assert main(["probe"]) == status
    assert capsys.readouterr().err == said


def test_an_unexpected_error_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(arguments: Namespace) -> int:
        raise ZeroDivisionError

    command_that(fail, monkeypatch)
    with pytest.raises(ZeroDivisionError):
        main(["probe"])


def test_a_closed_pipe_is_quiet() -> None:
    reader_gone = (
        f"{sys.executable} -m narrows serve --upstream http://u --print-settings | true; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", reader_gone], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""


def test_only_the_chosen_commands_module_is_imported() -> None:
    code = "import sys; from narrows.cli.main import main; main([]); sys.exit('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
