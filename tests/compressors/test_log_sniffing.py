"""A log is proven by structure: what is one, what only looks like one, and what the tool call adds."""

from __future__ import annotations

import json

import pytest

from narrows.compressors.log.sniffing import sniff
from narrows.compressors.types import Source, Verdict
from narrows.core.tool_call import ToolCall

YES = Verdict.YES
CALL = ToolCall("run", '{"command": "./start"}')
PYTEST = ToolCall("bash", '{"command": "pytest -q"}')

# executed against other tools with wrong answers; each is an exact input
CSV = "\n".join(f"2024-03-{1 + i % 28:02d},{i * 1.5:.2f},{i * 7 % 13},station-{i % 5}" for i in range(200))
LS = "\n".join(f"2024-05-{1 + i % 28:02d} 12:{i % 60:02d} {i * 10} file_{i}.txt" for i in range(80))
INFO = "\n".join(f"INFO worker-{i % 7} processed job id={i * 37} in {i % 90} ms" for i in range(300))
ISO = "\n".join(f"2024-05-01T12:{i % 60:02d}:{i % 60:02d}Z app[{i}]: user logged in id={i}" for i in range(100))
HMS = ISO.replace("2024-05-01T", "").replace("Z ", " ")
HOSTS = "\n".join(f"host{i % 9}:8080: healthy latency={i}ms" for i in range(100))
GREP = "\n".join(
    f"src/mod{i % 12}/file{i % 30}.py:{i + 1}:def handler_{i}(request): return process_{i % 9}(request)"
    for i in range(150)
)
PROSE = "\n".join(
    f"Requirement {i}: the service must not fail when the upstream returns an error; step {i} details follow."
    for i in range(60)
)
SOURCE = "def f():\n" + "\n".join(
    f"    raise ValueError('error in field {i}')" if i % 6 == 0 else f"    x_{i} = compute({i}) + {i * 3}"
    for i in range(120)
)
PATHS = json.dumps([f"src/pkg{i % 20}/sub{i % 7}/module_{i}.py" for i in range(300)])
MARKDOWN = (
    "# Guide\n\n---\n\n- warning: mind the gap\n- ERROR codes are below\n\n> note: x\n\nSome words on errors.\n" * 20
)
FULL_TIME = "\n".join(
    f"-rw-r--r-- 1 u g {i} 2024-05-01 12:00:{i % 60:02d}.000000000 +0000 error_{i}.log" for i in range(60)
)
JSON_LINES = "\n".join(
    json.dumps({"state": "error", "msg": f"m {i}", "time": "2024-05-01T12:00:00Z"}) for i in range(50)
)
TREE = "src\n" + "|-- pkg\n|   |-- error.py\n|   |-- log.py\n|   `-- x.py\n" * 40
GCC = "\n".join(f"x.c:{i}:1: warning: unused variable 'v{i}'\n    {i} | int v{i};\n      |     ^~" for i in range(50))
SESSION = (
    "=== test session starts ===\nplatform linux -- Python 3.11.7, pytest-8.3.4\ncollected 3 items\n\n"
    "t.py ..F [100%]\n\n"
    "=== FAILURES ===\n___ test_x ___\n\n    def test_x():\n>       assert 1 == 2\nE       assert 1 == 2\n\n"
    "t.py:3: AssertionError\n"
    "=== 1 failed, 2 passed in 0.12s ===\n"
)
CONSOLE = "\n".join(
    ["Traceback (most recent call last):"] + [f'  File "/a/b{i}.py", line {i}, in f\n    g({i})' for i in range(20)]
)


MAKEFILE = "CC = gcc\nall: app\napp: main.o\n\t$(CC) -o app main.o\nclean:\n\trm -f app main.o\n" * 20
SCRIPT = "#!/bin/sh\nset -e\nfor f in *.c; do\n  gcc -O2 -c -o x.o x.c\n  echo done\ndone\nexit 0\n" * 20
DOCKERFILE = 'FROM python:3.11\nRUN pip install -e .\nCOPY . /app\nCMD ["app"]\n' * 20
README = (
    "# Install\n\nFirst get the tools, then build.\n\n```\n$ make\n$ make install\n```\n\nIf that fails, read on.\n"
    "The build writes `[1/3] compiling` lines.\n\n- webpack is not needed\n- curl is\n\n> GET it from the page.\n\n"
) * 12
YAML = "steps:\n  - name: build\n    run: make -j4\n  - uses: actions/checkout@v4\n    with:\n      ref: main\n" * 20
LISTING = "total 96\n" + "\n".join(
    f"-rw-r--r-- 1 dev dev {i * 37} May  1 12:{i % 60:02d} file_{i}.o" for i in range(60)
)
STATUS = "On branch main\nChanges not staged for commit:\n" + "\n".join(f"\tmodified:   src/m{i}.py" for i in range(60))
PACKAGES = "app@1.0.0 /srv/app\n" + "\n".join(f"├── package-{i}@1.{i}.0" for i in range(60))
STRACE = "\n".join(f'openat(AT_FDCWD, "/etc/file{i}", O_RDONLY|O_CLOEXEC) = 3' for i in range(80))
TIMED_CSV = "time,level,value\n" + "\n".join(f"2024-05-01 12:00:{i % 60:02d},INFO,{i * 3}" for i in range(80))
SQL = "\n".join(f"INSERT INTO log VALUES ({i}, 'ERROR', '2024-05-01 12:00:00');" for i in range(80))
LETTER = (
    "Dear all,\nthe build failed again this morning: error 137.\nPlease look at it, the warning was there before.\n\n"
) * 20
QUOTED = "> Host your own, they said.\n> It will be fun.\n\n* Connected devices are fine\n* So are others\n\n" * 20


@pytest.mark.parametrize(
    "text",
    [
        MAKEFILE, SCRIPT, DOCKERFILE, README, YAML, LISTING, STATUS, PACKAGES, STRACE, TIMED_CSV, SQL, LETTER, QUOTED
    ],
)  # fmt: skip
@pytest.mark.parametrize("call", [None, CALL, PYTEST])
def test_what_a_build_is_made_from_is_no_build(text: str, call: ToolCall | None) -> None:
    assert sniff(Source(text, call)) is Verdict.NO


def test_a_log_is_known_by_its_middle_too() -> None:
    diff = "\n".join(f"-    x_{i} = old({i})\n+    x_{i} = new({i})" for i in range(250))
    passes = "\n".join(f"tests/test_x.py::test_{i} PASSED" for i in range(900))
    session = f"+ git show\n{diff}\n+ pytest -v\n{passes}\n{SESSION}"
    assert sniff(Source(session, CALL)) is YES


def test_a_text_too_long_to_be_read_whole_may_be_cut_inside_failure_reports() -> None:
    report = "=== FAILURES ===\n" + "    some(source)\nplain words\n" * 1200
    text = "=== test session starts ===\ncollected 9 items\n\n" + "t.py ..F [100%]\n" * 40 + report
    assert sniff(Source(text + "=== short test summary info ===\nFAILED t.py::x\n=== 1 failed in 2.1s ===")) is YES


@pytest.mark.parametrize("text", [INFO, ISO, HMS, GCC, SESSION, CONSOLE + "\nValueError: no"])
def test_what_structure_proves(text: str) -> None:
    assert sniff(Source(text)) is Verdict.YES


@pytest.mark.parametrize(
    "text",
    [CSV, LS, GREP, PROSE, SOURCE, PATHS, MARKDOWN, FULL_TIME, JSON_LINES, TREE, HOSTS, "", "\n\n", "ERROR one line"],
)
@pytest.mark.parametrize("call", [None, CALL, PYTEST])
def test_what_only_looks_like_a_log(text: str, call: ToolCall | None) -> None:
    assert sniff(Source(text, call)) is Verdict.NO


@pytest.mark.parametrize(
    "line",
    [
        "2024-05-01 12:00:00,123 - INFO - started",
        "[2024-05-01T12:00:00.123Z] started",
        "May  1 12:00:00 host kernel: started",
        '127.0.0.1 - - [01/May/2024:12:00:00 +0000] "GET / HTTP/1.1" 200 5',
        "17/06/09 20:10:40 INFO executor.CoarseGrained: started",
        "081109 203615 148 INFO dfs.DataNode: Receiving block",
        "I0501 12:00:00.000000 1 file.cc:12] started",
        "- 1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.36 R02-M1 RAS KERNEL INFO corrected",
        "1117838570 2005.06.03 R02-M1 2005-06-03-15.42.50.36 R02-M1 RAS KERNEL INFO corrected",
        "Test 'CartTest::testAdds with data set #0 (0)' ended",
        "     Failure/Error: expect(5).to eq(6)",
        "[    0.123456] pci 0000:00:1f.0: started",
        "nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 nova.wsgi [req-38] started",
        "134681 node-246 unix.hw state_change.unavailable 1077804742 1 Component State Change",
        "web-1     | whatever it says",
        "npm http fetch GET 200 https://x.org 5ms",
        "tests/test_x.py::test_y PASSED [ 10%]",
        "test_y (m.C.test_y) ... ok",
        "test tests::case_1 ... ok",
        "ok 1 - parses",
        "--- PASS: TestX (0.00s)",
        "[ RUN      ] Foo.Bar",
        "  ✓ does it (3 ms)",
        "   Compiling serde v1.0.1",
        "make[1]: Entering directory '/x'",
        "[ 10%] Building CXX object x.o",
        "gcc -O2 -c x.c",
        "src/x.ts(1,22): error TS2307: Cannot find module",
        "Requirement already satisfied: x in /y",
        "Get:1 http://deb.example.org bookworm/main amd64 x",
        "Step 1/9 : FROM x",
        "#5 0.345 installing",
        "> Task :compileJava",
        "\x1b[32m[INFO]\x1b[0m coloured",
        "  0%\r 50%\r100%",
        "[ 12/900] compiling src/x.c",
        "[234 / 5,678] Compiling src/x.cc; 3s linux-sandbox",
        "cc -Wall -O2 -c -o x.o x.c",
        "/usr/bin/x86_64-linux-gnu-gcc-12 -fPIC src/x.c -o build/x.o -O2",
        " /usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -v x.c",
        "/bin/sh ./libtool --tag=CC --mode=compile gcc x.c",
        'ignoring nonexistent directory "/usr/local/include/x86_64-linux-gnu"',
        "webpack 5.90.0 compiled successfully in 1234 ms",
        "asset main.js 1.2 MiB [emitted] (name: main)",
        "dist/assets/index-4f2a.js   46.61 kB │ gzip: 18.30 kB",
        "Downloaded from central: https://repo.example.org/x.pom (2.3 kB at 100 kB/s)",
        "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0",
        "go: downloading github.com/x/y v1.2.3",
        "  Restored /src/App/App.csproj (in 2.3 sec).",
        "  Passed Tests.Cart.Adds_an_item [12 ms]",
        "  2/40 Test  #2: parser .........   Passed    0.01 sec",
        "Selecting previously unselected package zlib1g-dev:amd64.",
        "#9 sha256:3f2a 1.2MB / 3.4MB 0.3s",
        " => [2/7] RUN pip install -r requirements.txt   12.3s",
        "Removing intermediate container 3f2a1b",
        "* Connected to example.org (93.184.216.34) port 443 (#0)",
        "< HTTP/1.1 200 OK",
        "##[group]Run make test",
        "::endgroup::",
        "2024-05-01T12:00:00.1234567Z whatever it says",
        "section_start:1714560000:build",
        "04-Mar-2025 10:00:00.123 INFO [main] org.apache.Server up",
        "<30>Mar  4 10:00:00 host app[3]: up",
        "<14>1 2025-03-04T10:00:00Z host app 3 - - up",
        "20250304 10:00:00.123 up",
        "20250304T100000Z up",
        "Tue Mar  4 10:00:00 UTC 2025 up",
        "[04/Mar/2025:10:00:00 +0000] up",
        "Mar 04 2025 10:00:00 host: up",
        "*Mar  4 10:00:00.123: up",
        "2025.03.04 10:00:00 up",
        "04.03.2025 10:00:00 up",
        "[10.30 16:49:06] up",
        "2025-03-04_10:00:00.123 up",
        "10:00AM INF up svc=api",
        "INFO[0012] up",
        "I, [2025-03-04T10:00:00.123 #7]  INFO -- : up",
        "1:M 04 Mar 2025 10:00:00.123 * up",
        "M\u00e4r 04 10:00:00 host app[3]: up",
        "f\u00e9vr. 04 10:00:00 host app[3]: up",
        "3\u6708 04 10:00:00 host app[3]: up",
        "type=SYSCALL msg=audit(1741050123.123:7): arch=c000003e",
        "2025-03-04T10:00:00.123Z\tINFO\tapi/x.go:12\tup\t{}",
        "CartTest > adds_up() PASSED",
        "//cart:test                                    PASSED in 0.1s",
        "00:03 +150 -1: /srv/test/cart_test.dart: adds up",
        "  * test adds up (0.3ms) [L#7]",
        "web:test: PASS src/cart.test.ts",
        "[pod/web-7/app] 10:00:00 up",
        "#12 3.456 Collecting requests (from x)",
        "+ pip install -e .",
        "$ make test",
    ],
)
def test_the_frames_of_known_tools(line: str) -> None:
    assert sniff(Source("\n".join([line] * 20))) is Verdict.YES


def test_a_line_for_each_commit_is_no_log() -> None:
    commits = "\n".join(
        f"2024-05-01 12:00:{i % 60:02d} +0000 {i:07x} Bump zlib from 1.{i} to 1.{i + 1}" for i in range(40)
    )
    assert sniff(Source(commits)) is Verdict.YES
    assert sniff(Source(commits, ToolCall("bash", '{"command": "git log --format=\'%ci %h %s\'"}'))) is Verdict.NO
    assert sniff(Source(commits, ToolCall("bash", '{"command": "git log -1 && make"}'))) is Verdict.YES


def test_a_persons_words_around_a_log_are_not_a_log() -> None:
    assert sniff(Source("Please tell me why this fails:\n" + INFO)) is not Verdict.YES
    assert sniff(Source(INFO + "\nWhat does it mean?")) is not Verdict.YES
    assert sniff(Source("The tool says:\n" + INFO, CALL)) is Verdict.YES


def test_a_tool_call_decides_what_structure_leaves_open() -> None:
    words = "\n".join(f"some words of the program, number {i}" for i in range(30))
    mixed = words + "\n" + "\n".join(f"make[1]: Leaving directory '/x{i}'" for i in range(15)) + "\nbye"
    assert sniff(Source(mixed)) is Verdict.MAYBE
    assert sniff(Source(mixed, CALL)) is Verdict.MAYBE
    assert sniff(Source(mixed, PYTEST)) is Verdict.YES
    assert sniff(Source(words, PYTEST)) is Verdict.NO


@pytest.mark.parametrize("name", ["read_file", "view"])
def test_a_file_read_is_never_a_log(name: str) -> None:
    assert sniff(Source(INFO, ToolCall(name, '{"path": "app.py"}'))) is Verdict.NO
    assert sniff(Source(INFO, ToolCall("bash", '{"command": "cat notes.txt"}'))) is Verdict.NO
    assert sniff(Source(INFO, ToolCall("bash", '{"command": "tail -100 app.log"}'))) is Verdict.YES


@pytest.mark.parametrize("name", ["get_pod_logs", "runTests", "run_tests", "build"])
def test_a_tools_name_is_evidence(name: str) -> None:
    mixed = "\n".join([f"words number {i}" for i in range(30)] + ["make[1]: Leaving directory '/x'"] * 5)
    assert sniff(Source(mixed, ToolCall(name, "{}"))) is Verdict.YES
    assert sniff(Source(mixed, ToolCall("catalogue", "{}"))) is Verdict.NO


def test_the_end_of_a_long_test_session_may_lie_in_its_failure_reports() -> None:
    passes = "".join(f"tests/test_x.py::test_{i} PASSED\n" for i in range(900))
    report = "=== FAILURES ===\n" + "    some(source)\nplain words\n" * 400
    end = "=== short test summary info ===\nFAILED t.py::x\n== 1 failed in 2.1s =="
    assert sniff(Source(passes + report + end)) is YES


def test_only_both_ends_of_a_text_are_looked_at() -> None:
    assert sniff(Source(INFO + "\nwords" * 5 + "\n" + INFO * 10)) is Verdict.YES
    assert sniff(Source("x" * 5_000_000)) is Verdict.NO


CONCLUSIONS = (
    "=== test session starts ===",
    "=== 3 failed, 20 passed in 1.20s ===",
    "Ran 20 tests in 0.1s",
    "test result: FAILED. 3 passed; 1 failed",
    "Tests:       1 failed, 2 passed, 3 total",
    "# tests 12",
    "  3 passing (4ms)",
    "[ERROR] Tests run: 9, Failures: 1, Errors: 0, Skipped: 0",
    "make: *** [Makefile:3: all] Error 2",
    "Successfully installed flask-3.1.1",
)


@pytest.mark.parametrize("conclusion", CONCLUSIONS)
def test_a_runners_last_word_says_that_a_commands_output_is_a_log(conclusion: str) -> None:
    plain = [f"the program says {i} and {i + 1}" for i in range(50)]
    plain[10:10] = [f"INFO step {i}" for i in range(9)]
    text = "\n".join([*plain, conclusion])
    assert sniff(Source(text, ToolCall("bash", '{"command": "./run.sh"}'))) is YES
    assert sniff(Source(text, ToolCall("fetch_page", '{"url": "http://example.org"}'))) is not YES
    assert sniff(Source(text, ToolCall("bash", '{"command": "curl -s http://example.org"}'))) is not YES
    assert sniff(Source(text)) is not YES
    assert sniff(Source("\n".join(plain), ToolCall("bash", '{"command": "./run.sh"}'))) is not YES
