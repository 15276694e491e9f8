"""The lines by which logs are known, as patterns over one line (with its digits, without its end).

Each pattern stands for something that only a program writes: a time where a logger puts it, a level where a logger puts
it, or the frame of a tool (its headings, verdicts and steps). They are matched at the start of a line.
"""

from __future__ import annotations

import re

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
_LEVEL = r"(?:TRACE|DEBUG|VERBOSE|INFO|NOTICE|WARN|WARNING|ERROR|FATAL|CRITICAL|SEVERE)"

_TIMES = (
    rf"[\[(]?{_ISO}[\])]?[:,|]?\s+\S",
    rf"(?:[\w.-]+ ){{1,3}}{_ISO} \S",
    r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:?\s+\S",
    r"[A-Z][a-z]{2}\s+\d+ \d\d:\d\d:\d\d \S",
    r"\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d",
    r"\[[A-Z][a-z]{2} [A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d",
    r"\d\d(?:\d\d)?[/-]\d\d[/-]\d\d(?:\d\d)? \d\d:\d\d:\d\d",
    r"\d\d-\d\d \d\d:\d\d:\d\d\.\d+ ",
    r"\d{6} \d{6} \d+ [A-Z]",
    r"\d{8}-\d\d?:\d\d?:\d\d?:\d+\|",
    r"[IWEF]\d{4} \d\d:\d\d:\d\d",
    r"\S+ \d{10} \d{4}\.\d\d\.\d\d ",
    r"\[\s*\d+\.\d{4,6}\] ",
)
_LEVELS = (
    rf"[\[(<]?{_LEVEL}[\])>]?(?:[:\s|]|$)",
    rf"\S*\w\S* [-|]? ?[\[(<]?{_LEVEL}[\])>]?[:\s]",
    r"npm (?:ERR!|WARN|error|warn|info|http|verbose|notice|sill|timing)\b",
    r"(?:\S+ ){0,3}(?:level|lvl|severity)=\w",
)
_TESTS = (
    r"=+ .*(?:test session starts|FAILURES|ERRORS|PASSES|short test summary info|warnings summary|slowest) ",
    r"=* ?(?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?)(?:, )?)+ in [\d.]+s",
    r"collected \d+ items?|platform \w+ -- Python|rootdir: |plugins: |configfile: |cachedir: ",
    r"(?:\S+ )?(?=[FEsxX]*\.)[.FEsxX]{3,} *(?:\[ *\d+%\])?$",
    r"(?:FAILED|PASSED|ERROR|SKIPPED|XFAIL|XPASS) \S",
    r"\S+::\S.* (?:PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b",
    r".*\.\.\. (?:ok|OK|FAIL|FAILED|ERROR|ignored|skipped\b.*|expected failure)$",
    r"test\w* \([\w.]+\)|Ran \d+ tests? in |(?:FAIL|ERROR): \S+ \(|(?:OK|FAILED)(?: \(.*\))?$",
    r"-{70}$|={70}$|_{3,} .* _{3,}$",
    r"test \S+ \.\.\. |test result: |running \d+ tests?$|\s*Doc-tests ",
    r"TAP version|\s*(?:not )?ok \d+\b|\s*# (?:Subtest|tests|pass|fail|suites|cancelled|skipped|todo|duration_ms)\b",
    r"\s+duration_ms|\d+\.\.\d+$|\s+(?:---|\.\.\.)$",
    r"\s*[✓✔✖✕✗▶\u2139●] ?\S|(?:PASS|FAIL)\s+\S+|(?:Tests?|Test Suites|Snapshots|Test Files):? +\d",
    r"=== (?:RUN|PAUSE|CONT|NAME) |\s*--- (?:PASS|FAIL|SKIP): |(?:ok|FAIL|\?) +\t?\S+\s+[\d.(\[]|goroutine \d+ \[",
    r"\[[ =-]+(?:RUN|OK|FAILED|PASSED|SKIPPED|DISABLED)?[ =-]*\] ?",
    r"\d+ (?:passing|failing|pending|examples?)\b|Finished in [\d.]+",
)
_BUILDS = (
    r"\s*(?:Compiling|Finished|Running|Checking|Downloading|Downloaded|Updating|Fresh|Locking|Building|Linking) \S",
    r"(?:g?make|ninja|cmake|libtool|collect2|ld|config\.status|configure)(?:\[\d+\])?: |\[ *\d+%\] |\[\d+/\d+\] \S",
    r"(?:cc|gcc|g\+\+|c\+\+|clang|clang\+\+|ar|as|ld|rustc|javac|ccache|rm|mkdir|install)\s+-\S",
    r"-- (?:Found|Check|Looking|Performing|Configuring|Build|The|Detecting|Installing|Up-to-date|Downloading|Generat)",
    r"checking (?:for|whether|if|how|build|host) |  (?:CC|LD|AR|CXX|HOSTCC|GEN|UPD|INSTALL|OBJCOPY) +\S",
    r"Using built-in specs|COLLECT_|Target: |Configured with: |Thread model: |(?:COMPILER|LIBRARY)_PATH=|gcc version",
    r"> Task :|BUILD (?:SUCCESS|FAIL)|\[INFO\]|\[ERROR\]|\[WARNING\]",
    r"Step \d+/\d+ : | ---> |#\d+ (?:\[|\d|DONE|CACHED|ERROR)",
    r"> \S+@\S+ \w|yarn (?:install|run) v|(?:added|removed|changed|audited) \d+ packages?|up to date",
    r"\++ (?:\S+=|[\w./'\[-]+)",
)
_DIAGNOSTICS = (
    r"[^\s:(][^:(\n]*(?::\d+(?::\d+)?:|\(\d+,\d+\):) *(?:fatal )?(?:error|warning|note|info|remark|[A-Z]+\d+)\b",
    r"(?:error|warning|note|help)(?:\[\w+\])?: |\s+--> \S+:\d+|\s*\d* +[|=](?: |$)|\s+\|[ \t]",
    r"\S+: In (?:function|member|constructor|instantiation|substitution)|In file included from |\s+from \S+:\d+",
    r"\s+\d+:\d+\s+(?:error|warning)\s|✖ \d+ problems|Found \d+ errors?|\s*[\^~]+(?:\s|$)",
)
_PACKAGES = (
    r"\s*(?:Collecting|Downloading|Using cached|Requirement already|Installing|Successfully|Building|Preparing|Getting"
    r"|Obtaining|Processing|Attempting uninstall|Found existing|Uninstalling|Looking in|Created|Stored in|Running setup"
    r"|Found link|Skipping link|Removing|Removed|Added|Cleaning up|Using pip|Fetch(?:ing|ed)|Entered build"
    r"|Non-user install|Starting new|Initialized|changing mode of|copying|creating|adding|writing|reading|running) \S",
    r"\s*━|\s*(?:error: subprocess|note: This|\[end of output\]|╰─>|│ exit code)",
    r"(?:Get|Hit|Ign|Err):\d+ |Reading (?:package|state)|(?:Inst|Conf|Remv) \S+ [(\[]|\d+ upgraded, "
    r"|(?:Selecting|Unpacking|Setting up|Need to get|After this operation|The following) ",
    r"[0-9a-f]{12}: (?:Pull|Wait|Down|Ver|Ext|Push|Layer)|remote: |(?:Receiving|Counting|Compressing|Writing) objects"
    r"|Resolving deltas|Updating files|Cloning into |Unpacking objects",
)
_TRACES = (
    r"(?:[\w.-]+ +)?[| +]*(?:Exception Group )?Traceback \(most recent call last\)|[| ]+File \".*\", line \d+",
    r"\s+at [\w.$<>/ ]+[\[(:]|\s+at \S+:\d+|Caused by: |\s+\.\.\. \d+ more",
    r"(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception)(?::|$)",
    r"Exception in thread |thread '.*' panicked|stack backtrace:|panic: |\s+\d+: +\S+::|\s+#\d+ 0x",
)


def _alternatives(*groups: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for group in groups for pattern in group))


EXPLAINED = _alternatives(_TIMES, _LEVELS, _TESTS, _BUILDS, _DIAGNOSTICS, _PACKAGES, _TRACES)
"""Matches a line that only a program's log holds."""

REPORT_END = re.compile(r"=+ (?:short test summary info|warnings summary|\d+ .* in [\d.]+s.*) =+$")
"""A heading that can only stand after pytest's failure reports."""

RULE = re.compile(r"=+ .* =+$")
"""Any of pytest's headings."""

CONTAINER = re.compile(r"[\w.-]+ +\| ")
"""The prefix that `docker compose logs` puts before each line."""

PLACE = re.compile(
    r"(?![\[(]?(?:\d{4}-\d\d-\d\d|\d\d:\d\d))[^\s:]+[:-]\d+[:-]"
    r"(?! *(?:(?:fatal )?(?:error|warning|note|info|remark)\b|\d+: |\d*:? *[A-Z]+\d+ ))"
)
"""A search result's line, or a host and port: a name, a number, and no diagnostic after them."""

PROGRAM = re.compile(
    r"\s*(?:(?:async )?def \w+\(|class \w+[(:{]|import [\w{*]|from [\w.]+ import |return\b|(?:el)?if .*[:{]$|else[: {]"
    r"|for .*[:{]$|while .*[:{]$|(?:export |async )?function\b|(?:const|let|var) \w+|(?:public|private|protected) "
    r"|#include\b|#define\b|raise \w|throw (?:new )?\w|@\w+\(?|fn \w+|impl\b|package \w|use \w+::|\}|try:|except\b"
    r"|\w[\w.\[\]'\"]* = \S|self\.)"
)
"""A line of a program's source."""

MARKUP = re.compile(r"#{1,6} \S|[-*] \S|\d+\. \S|```|\| .* \|$|> \S|<[/a-zA-Z!]")
"""A line of Markdown or HTML."""
