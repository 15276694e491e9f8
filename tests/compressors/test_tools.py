"""Which calls read files, and which commands a shell call ran."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.compressors.shell_words import MAX_COMMAND_CHARACTERS
from narrows.compressors.tools import is_shell, numbers_lines, reads_file, shell_commands
from narrows.core.tool_call import ToolCall


def shell(command: object, name: str = "bash", key: str = "command") -> ToolCall:
    return ToolCall(name, json.dumps({key: command}))


READS = (
    "cat src/app.py",
    "cat -n src/app.py",
    "sed -n '10,60p' src/app.py",
    "sed -n -e 1,5p src/app.py",
    "head -50 src/app.py",
    "head -n 50 src/app.py",
    "tail -n +20 src/app.py",
    "nl -ba src/app.py",
    "nl -ba src/app.py | sed -n '1,40p'",
    "bat --plain src/app.py",
    "less README",
    "awk 'NR>=10 && NR<=20' src/app.py",
    "git show HEAD:src/app.py",
    "git -C repo show main~2:src/app.py | head -100",
    "cd x && cat y",
    "cd /testbed; cat 'a file.py' 2>/dev/null",
    "ls; cat y",
    "cat a.py b.py | tail -5",
    "for f in *.py; do cat $f; done",
    "timeout 10 cat a.py",
    "PAGER=cat sudo cat /etc/hosts",
    "ls *.py | xargs cat",
    "find . -name x.py -exec cat {} \\;",
    "bash -lc 'cat src/app.py'",
    "/bin/cat a.py",
    "Get-Content a.ps1",
    "cat build.log src/app.py",
    "cat <<EOF > x.py\nprint(1)\nEOF\ncat x.py",
    "cat < a.csv",
    "head -n 50 <a.json",
    "< a.csv sed -n 1,20p",
    "cat a.csv | tee copy.csv | head",
    "iconv -f latin1 -t utf8 a.csv",
    "git cat-file -p HEAD:a.csv",
    "git -c core.quotepath=off -C x --no-pager show HEAD:a.csv",
    "sudo -u web cat a.csv",
    "env -i LANG=C cat a.csv",
    "timeout -s KILL 60 nice -n 10 cat a.csv",
    "docker exec -it -u root web cat /app/a.json",
    "docker compose exec -T web bash -c 'cat a.json'",
    "kubectl -n shop exec pod -c web -- cat a.json",
    "ssh -p 2222 host 'cat a.csv | head'",
    "su - web -c 'cat a.csv'",
    "eval 'cat a.csv'",
    "find . -print0 | xargs -0 -n 1 cat",
    "# let's look\ncat 'a.csv'",
    "grep x <<<y\ncat a.csv",
    "cat \\\n  a.csv",
    "cat > x.py <<'EOF'\n" + "print(1)\n" * 1000 + "EOF\ncat a.csv",
)

DOES_NOT_READ = (
    "pytest -q 2>&1 | tail -50",
    "make | head -20",
    "cat > src/app.py <<'EOF'\ncat x\nEOF",
    "cat <<EOF >> x.py\nprint(1)\nEOF",
    "cat a.py | grep error",
    "cat a.py > b.py",
    "echo cat a.py",
    "rg -n 'cat file.py' src",
    "git show HEAD --stat",
    "git diff",
    "sed -i 's/a/b/' src/app.py",
    "cat",
    "head -50",
    "cat build.log",
    "tail -n 100 /var/log/syslog",
    "tail -f logs/app.log.1",
    "tail -n 1200 /etc/httpd/logs/error_log",
    "cat app.log-20240501",
    "cat nova-compute.log.1.2017-05-16_13:55:31",
    "python -c \"open('x').read()\"",
    "ls -la",
    "",
    "'unended cat x",
    "tee copy.csv < a.csv",
    "sort < a.csv",
    "make # | cat a.csv",
    "docker exec web pytest",
    "git show HEAD -- a.csv",
    "command -v cat",
    "cat <<A <<B\ncat x\nA\ncat y\nB",
)


@pytest.mark.parametrize("command", READS)
def test_shell_commands_that_read_files(command: str) -> None:
    assert reads_file(shell(command))


@pytest.mark.parametrize("command", DOES_NOT_READ)
def test_shell_commands_that_do_not(command: str) -> None:
    assert not reads_file(shell(command))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("read_file", '{"path": "a.py"}'),
        ("ReadFile", "{}"),
        ("Read", '{"file_path": "/a.py", "offset": 3}'),
        ("view", '{"path": "a.py"}'),
        ("mcp__filesystem__read_text_file", '{"path": "a.py"}'),
        ("functions.open_file", "not json"),
        ("str_replace_editor", '{"command": "view", "path": "/a.py"}'),
        ("str_replace_based_edit_tool", '{"command": "view", "path": "/a.py"}'),
        ("Edit", '{"file_path": "/a.py", "old_string": "x"}'),
        ("write_file", '{"path": "a"}'),
        ("get_file_contents", '{"owner": "o", "path": "p"}'),
        ("apply_patch", '{"path": "x"}'),
        ("NotebookEdit", '{"path": "x"}'),
        ("view", ""),
        ("text_editor", '{"command": "view", "path": "a"}'),
        ("developer__text_editor", '{"command": "view", "path": "a"}'),
        ("filesystem", '{"action": "read", "path": "a"}'),
        ("workspace", '{"operation": "view", "targetFile": "a"}'),
        ("FileReader", '{"path": "a"}'),
        ("view_line_range", '{"AbsolutePath": "/a.py", "StartLine": 1}'),
        ("run_command", '{"CommandLine": "cat a.csv", "Cwd": "/x"}'),
        ("shell", '{"command": "cat", "args": ["a.csv"]}'),
    ],
)
def test_tools_that_read_or_edit_files(name: str, arguments: str) -> None:
    assert reads_file(ToolCall(name, arguments))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_pod_logs", '{"pod": "x"}'),
        ("read_logs", '{"path": "x"}'),
        ("read_query", '{"query": "select 1"}'),
        ("get_user_details", '{"user_id": "mia_li_3668"}'),
        ("grep", '{"pattern": "x", "path": "src"}'),
        ("Bash", '{"command": "pytest"}'),
        ("bash", '{"command": 3}'),
        ("bash", "{"),
        ("", ""),
        ("list_orders", '{"n":3}'),
        ("text_editor", '{"command": "undo", "id": 3}'),
        ("orders", '{"action": "view", "id": 3}'),
        ("shell", '{"command": "make", "args": ["cat", "a.csv"]}'),
    ],
)
def test_tools_that_do_not(name: str, arguments: str) -> None:
    assert not reads_file(ToolCall(name, arguments))


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (shell("pytest -q"), ("pytest",)),
        (shell("cd x && python -m pytest tests | tail"), ("cd", "cd x", "python", "pytest", "tail")),
        (shell("git --no-pager diff HEAD~1"), ("git", "git diff")),
        (shell("FOO=1 timeout 60 npm test 2>&1"), ("npm", "npm test")),
        (shell("npx jest --ci"), ("npx", "jest")),
        (shell(["bash", "-lc", "cargo test | tail -5"], name="shell"), ("cargo", "cargo test", "tail")),
        (shell(["rg", "-n", "x y"], key="cmd"), ("rg",)),
        (shell(["make clean", "make all"], key="commands"), ("make", "make clean", "make all")),
        (shell("uv run pytest"), ("pytest",)),
        (shell("/usr/bin/make -j4 all"), ("make", "make all")),
        (ToolCall("bash", "ls && go test ./..."), ("ls", "go", "go test")),
        (ToolCall("run_in_terminal", '{"command": "tsc -p ."}'), ("tsc",)),
        (ToolCall("execute", '"make"'), ("make",)),
        (ToolCall("read_file", '{"path": "x"}'), ()),
        (ToolCall("str_replace_editor", '{"command": "view", "path": "x"}'), ()),
        (ToolCall("bash", '{"command": ""}'), ()),
    ],
)
def test_the_commands_of_a_shell_call(call: ToolCall, expected: tuple[str, ...]) -> None:
    assert shell_commands(call) == expected


@given(
    name=st.text(max_size=20) | st.sampled_from(("bash", "read_file", "shell")),
    arguments=st.text() | st.text(alphabet="cat '\"|;&()<>\\\n$x-1", max_size=60),
)
def test_no_call_makes_it_raise(name: str, arguments: str) -> None:
    for text in (arguments, json.dumps({"command": arguments}), json.dumps({"cmd": [arguments, "x"]})):
        call = ToolCall(name, text)
        assert isinstance(reads_file(call), bool)
        assert all(shell_commands(call))


def test_a_command_is_read_up_to_its_bound() -> None:
    assert shell_commands(shell("x " * MAX_COMMAND_CHARACTERS + "; make")) == ("x", "x x")


@pytest.mark.parametrize(
    "command",
    [
        "nl -ba src/a.py | sed -n '1,200p'",
        "cat -n a.py | head -50",
        "cat -An a.py",
        "cat --number a.py",
        "cd /w && bat -n a.py",
        "less -N a.py",
        "awk '{print NR\": \"$0}' a.py",
        "awk 'NR>=10 {printf \"%6d\\t%s\\n\", FNR, $0}' a.py",
        "bash -lc 'nl -ba a.py'",
    ],
)
def test_shell_commands_that_number_lines(command: str) -> None:
    assert is_shell(shell(command))
    assert numbers_lines(shell(command))


@pytest.mark.parametrize(
    "command", ["cat a.py", "cat a-n.py", "sed -n 1,9p a.py", "head -n 5 a.py", "grep -n x a.py", "awk '{print}' a.py"]
)
def test_shell_commands_that_number_none(command: str) -> None:
    assert is_shell(shell(command))
    assert not numbers_lines(shell(command))


@pytest.mark.parametrize(("name", "arguments"), [("Read", '{"file_path": "nl -ba"}'), ("view", "{}"), ("bash", "{}")])
def test_what_is_no_shell_call_numbers_none(name: str, arguments: str) -> None:
    assert not is_shell(ToolCall(name, arguments))
    assert not numbers_lines(ToolCall(name, arguments))
