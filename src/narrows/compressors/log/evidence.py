"""The lines by which logs are known, as patterns over one line (with its digits, without its end).

Each pattern stands for something that only a program writes: a time where a logger puts it, a level where a logger puts
it, or the frame of a tool (its headings, verdicts and steps). They are matched at the start of a line.

Patterns that begin with something of their own fail at once on other lines and stand together in one. Those that begin
with just any word are costly, so each has signs, one of which every line that it matches holds: where no sign stands in
a text, the pattern is not tried on its lines.
"""

from __future__ import annotations

import re

_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
_MONTH = r"(?:[^\W\d_]{3,5}\.?|\d\d?\u6708)"
"""A month as journald and syslog write it in any language."""
_LEVEL_WORDS = ("TRACE", "DEBUG", "VERBOSE", "INFO", "NOTICE", "WARN", "ERROR", "FATAL", "CRITICAL", "SEVERE")
_LEVEL = f"(?:{'|'.join(_LEVEL_WORDS)}|WARNING)"
_VERDICTS = ("PASSED", "FAILED", "SKIPPED", "ERROR", "XFAIL", "XPASS")

_TIMES = (
    rf"[\[(]?{_ISO}[\])]?[:,|]?\s+\S",
    r"\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?:?\s+\S",
    rf"[*.]?(?:[A-Z][a-z]{{2}},? )?{_MONTH}\s+\d+ (?:\d{{4}} )?\d\d:\d\d:\d\d(?:\.\d+)?:? \S",
    r"\[(?:[A-Z][a-z]{2} )?[A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d",
    rf"<\d{{1,3}}>(?:1 {_ISO}|[A-Z][a-z]{{2}} +\d+ \d\d:\d\d:\d\d) \S",
    r"\[?\d\d(?:\d\d)?(?P<dash>[/.-])\d\d(?P=dash)\d\d(?:\d\d)? \d\d:\d\d:\d\d|\[\d\d\.\d\d \d\d:\d\d:\d\d",
    r"\[?\d\d(?P<bar>[/ -])[A-Z][a-z]{2}(?P=bar)\d{4}[ :]\d\d:\d\d:\d\d",
    r"\d+:[A-Z] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d",
    r"\d{4}-\d\d-\d\d_\d\d:\d\d:\d\d|\d{8}[ T]\d\d:?\d\d:?\d\dZ?\b|[DIWEFA], \[\d{4}-\d\d-\d\dT",
    r"\d\d?:\d\d[AP]M (?:TRC|DBG|INF|WRN|ERR|FTL|PNC) |(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[\d{4}\] "
    r"|type=[A-Z_]+ msg=audit\(",
    r"\d\d-\d\d \d\d:\d\d:\d\d\.\d+ ",
    r"\d{6} \d{6} \d+ [A-Z]",
    r"\d{8}-\d\d?:\d\d?:\d\d?:\d+\|",
    r"[IWEF]\d{4} \d\d:\d\d:\d\d",
    r"\[\s*\d+\.\d{4,6}\] ",
)
_LEVELS = (
    rf"[\[(<]?{_LEVEL}[\])>]?(?:[:\s|]|$)",
    r"(?:info|warn|fail|crit|dbug|trce): [\w.]+\[\d+\]$|\[(?:TRC|VRB|DBG|INF|WRN|ERR|FTL)\] ",
    r"npm (?:ERR!|WARN|error|warn|info|http|verbose|notice|sill|timing)\b",
)
_TESTS = (
    r"=+ .*(?:test session starts|FAILURES|ERRORS|PASSES|short test summary info|warnings summary|slowest) ",
    r"=* ?(?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?)(?:, )?)+ in [\d.]+s",
    r"(?:collecting \.\.\. )?collected \d+ items?|platform \w+ -- Python|rootdir: |plugins: |configfile: |cachedir: ",
    r"-{3,} (?:Captured (?:stdout|stderr|log)|generated xml) |[\d.]+s (?:setup|call|teardown) +\S"
    r"|\[gw\d+\] |\d+ workers \[\d+ items\]|created: \d+/\d+ workers",
    r"(?:FAILED|PASSED|ERROR|SKIPPED|XFAIL|XPASS) \S",
    r"test\w* \([\w.]+\)|Ran \d+ tests? in |(?:FAIL|ERROR): \S+ \(|(?:OK|FAILED)(?: \(.*\))?$",
    r"-{70}$|={70}$|_{3,} .* _{3,}$",
    r"test \S+ \.\.\. |test result: |running \d+ tests?$|\s*Doc-tests ",
    r"TAP version|\s*(?:not )?ok \d+\b|\s*# (?:Subtest|tests|pass|fail|suites|cancelled|skipped|todo|duration_ms)\b",
    r"\s+duration_ms|\d+\.\.\d+$|\s+(?:---|\.\.\.)$",
    r"\s*[✓✔✖✕✗✘▶\u2139●] {0,2}\S|(?:PASS|FAIL)\s+\S+|(?:Tests?|Test Suites|Snapshots|Test Files):? +\d",
    r"=== (?:RUN|PAUSE|CONT|NAME) |\s*--- (?:PASS|FAIL|SKIP): |(?:ok|FAIL|\?) +\t?\S+\s+[\d.(\[]|goroutine \d+ \[",
    r"\[[ =-]+(?:RUN|OK|FAILED|PASSED|SKIPPED|DISABLED)?[ =-]*\] ?",
    r"\d+ (?:passing|failing|pending|examples?)\b|Finished in [\d.]+|Failures:$|Failed examples:$|rspec \S+ # "
    r"|\s+(?:Failure/Error: |# \S+:\d+:in )|Test '\S+::\S.*' (?:started|ended)$",
    r"\s*\d+/\d+ Test +#\d+: |\s+Start +\d+: \S|\d+% tests passed, |Test project /",
    r"\s*(?:Passed|Failed|Skipped) \S+ \[[<\d]|(?:Passed|Failed)! +- Failed: |Test [Rr]un (?:for|Successful|Failed)",
    r"\S.* > .*\S (?:PASSED|FAILED|SKIPPED)$|\d+ tests completed, |  \* test .* \[L#\d+\]$|  \* test .* \(.*ms\)"
    r"|//\S+ +(?:\(cached\) )?(?:PASSED|FAILED|TIMEOUT|FLAKY|NO STATUS)\b|\d\d:\d\d \+\d+(?: ~\d+)?(?: -\d+)?: \S"
    r"| ?\S+ [\u2713\u2a2fs]{2,} +\d+% |\u2015{10,} ",
    r"Tests run: \d| T E S T S$|(?:PASS|SKIP|XFAIL|XPASS): \S|\((?:pass|fail|skip|todo)\) |Test (?:Case|Suite) '"
    r"|\[(?:ok|err|exception|skip|ignore)\]: |\s+(?:PASS|FAIL|SLOW|LEAK|FLAKY|SIG[A-Z]+|TRY \d \w+) \[ *>?[ \d.]+s\] ",
)
_BUILDS = (
    r"\s*(?:Compiling|Finished|Running|Checking|Downloading|Downloaded|Updating|Fresh|Locking|Building|Linking) \S",
    r"(?:g?make|ninja|cmake|libtool|collect2|ld|config\.status|configure|bazel|meson|ccache)(?:\[\d+\])?: ",
    r"\[ *\d+%\] |\[ *[\d,]+ ?/ ?[\d,]+\] \S",
    r"(?:cc|gcc|g\+\+|c\+\+|clang|clang\+\+|ar|as|ld|rustc|javac|ccache|rm|mkdir|install)\s+-\S",
    r"-- (?:Found|Check|Looking|Performing|Configuring|Build|The|Detecting|Installing|Up-to-date|Downloading|Generat)",
    r"checking (?:for|whether|if|how|build|host) |\s+(?:CC|LD|AR|CXX|HOSTCC|HOSTLD|GEN|UPD|INSTALL|OBJCOPY|CCLD) +\S",
    r"\[(?:CC|LD|AR|CXX|GEN)\] |g?make -[CfjBks]",
    r"Using built-in specs|COLLECT_|Target: |Configured with: |Thread model: |(?:COMPILER|LIBRARY)_PATH=|gcc version",
    r"OFFLOAD_TARGET_|Supported LTO compression|GNU (?:C\d|assembler version|ld )|GGC heuristics: |\tcompiled by GNU C"
    r"|ignoring (?:nonexistent|duplicate) directory |#include (?:<\.\.\.>|\"\.\.\.\") search starts|End of search list"
    r"|Compiler executable checksum: |as -v | /\S+/(?:include|lib)[\w/.+-]*$",
    r"> Task :|> Configure project|BUILD (?:SUCCESS|FAIL)|\[(?:INFO|ERROR|WARNING|info|warn|error|success)\]"
    r"|\d+ actionable tasks?: |Starting a Gradle Daemon|Progress \(\d+\): |[ew]: file:///",
    r"Step \d+/\d+ : | ---> |#\d+ (?:\[|\d|DONE|CACHED|ERROR|sha256:|transferring|resolve |exporting|naming to)"
    r"|#\d+ extracting|(?: ?=>)+ \S.* [\d.]+s$|Removing intermediate container |Sending build context "
    r"|Successfully (?:built|tagged) ",
    r"> \S+@\S+ \w|yarn (?:install|run) v|(?:added|removed|changed|audited) \d+ packages?|up to date"
    r"|Done in [\d.]+ ?m?s|Progress: resolved \d+|Packages: [+-]\d+",
    r"(?:asset|runtime modules|cacheable modules|modules by path|orphan modules)\b ?\S"
    r"|webpack (?:\d\S* )?compiled|  (?:\./\S+|\+ \d+ modules?|modules by path|asset) |vite v\d|transforming\.\.\."
    r"|rendering chunks|computing gzip size|\(!\) ",
    r"go: (?:downloading|finding|added|upgraded|found|extracting|creating) |(?:Loading|Analyzing|Target|INFO|DEBUG): \S"
    r"|Build completed|Elapsed time: [\d.]+s",
    r"\s*(?:Determining projects to restore|Restored /|All projects are up-to-date|Build (?:succeeded|FAILED|started))"
    r"|\s+\d+ (?:Warning|Error)\(s\)|Time Elapsed \d\d:|\s+[\w.]+ -> /",
    r"\++ (?:\S+=|[\w./'\[-]+)|\$ [\w./~]",
    r"#?#\[(?:group|endgroup|section|command|error|warning|debug|notice)\]|::(?:group|endgroup|add-mask|debug|error|warning)"
    r"|##vso\[|section_(?:start|end):\d|Running with gitlab-runner|\[Pipeline\] |travis_(?:fold|time):",
    r"\*  +(?:Trying|Mark bundle|subject:|start date:|expire date:|issuer:|SSL certificate)|[<>] HTTP/[\d.]+ \d{3}"
    r"|\* (?:Connected to|TLSv|ALPN|Server certificate|Closing connection|Connection #|HTTP [\d.]+"
    r"|Host \S+ was resolved|Using HTTP|CAfile|CApath|SSL connection|Request completely sent|Mark bundle|\[HTTP)"
    r"|> (?:GET|POST|PUT|HEAD|DELETE|PATCH|OPTIONS) \S+ HTTP/|> (?:Host|User-Agent|Accept): |[{}] \[\d+ bytes data\]"
    r"|< [A-Za-z-]+: |\s+% Total +% Received|\s+Dload +Upload| *\d+ +[\d.]+[kMG]? +\d+ +[\d.]+[kMG]? +\d+ ",
)
_DIAGNOSTICS = (
    r"(?:error|warning|note|help)(?:\[\w+\])?: |\s+--> \S+:\d+|\s*\d* +[|=](?: |$)|\s+\|[ \t]",
    r"In file included from |\s+from \S+:\d+",
    r"\s+\d+:\d+\s+(?:error|warning)\s|✖ \d+ problems|Found \d+ errors?|\s*[\^~]+(?:\s|$)|\d+ (?:errors?|warnings?)$",
)
_PACKAGES = (
    r"\s*(?:Collecting|Downloading|Using cached|Requirement already|Installing|Successfully|Building|Preparing|Getting"
    r"|Obtaining|Processing|Attempting uninstall|Found existing|Uninstalling|Looking in|Created|Stored in|Running setup"
    r"|Found link|Skipping link|Removing|Removed|Added|Cleaning up|Using pip|Fetch(?:ing|ed)|Entered build"
    r"|Non-user install|Starting new|Initialized|changing mode of|copying|creating|adding|writing|reading|running) \S",
    r"\s*━|\s*(?:error: subprocess|note: This|\[end of output\]|╰─>|│ exit code)|\s+-{20,}(?: \d|$)",
    r"(?:Resolved|Prepared|Installed|Uninstalled|Audited|Built) (?:\d+ packages? in )\d",
    r"(?:Get|Hit|Ign|Err):\d+ |Reading (?:package|state)|(?:Inst|Conf|Remv) \S+ [(\[]|\d+ upgraded, "
    r"|(?:Selecting|Unpacking|Setting up|Need to get|After this operation|The following) |\(Reading database "
    r"|update-alternatives: |invoke-rc\.d: |debconf: ",
    r"[0-9a-f]{12}: (?:Pull|Wait|Down|Ver|Ext|Push|Layer)|remote: |(?:Receiving|Counting|Compressing|Writing) objects"
    r"|Resolving deltas|Updating files|Cloning into |Unpacking objects|Submodule path '",
)
_TRACES = (
    r"[| +]*(?:Exception Group )?Traceback \(most recent call last\)|[| ]+File \".*\", line \d+",
    r"\s+at [\w.$<>/ ]+[\[(:]|\s+at \S+:\d+|Caused by: |\s+\.\.\. \d+ more",
    r"(?:[\w$]+\.)*[A-Z]\w*(?:Error|Exception)(?::|$)",
    r"Exception in thread |thread '.*' panicked|stack backtrace:|panic: |\s+\d+: +\S+::|\s+#\d+ 0x",
)
_ANYWHERE = (
    (rf"(?:[\w.-]+(?:_\d\d:\d\d:\d\d)? ){{1,3}}{_ISO} \S", ("-",)),
    (r"(?:[\w.-]+ ){3,5}1\d{9} \d+ [A-Za-z]", (" 1",)),
    (r"\S+ \S+ \S+ \[\d\d/[A-Z][a-z]{2}/\d{4}[: ]\d\d:\d\d:\d\d", (" [",)),
    (r"(?:\S+ )?\d{10} \d{4}\.\d\d\.\d\d ", (".",)),
    (rf"[^\s\w]*\w\S* [-|]? ?[\[(<]?{_LEVEL}[\])>]?[:\s]", _LEVEL_WORDS),
    (r"(?:\S+ ){0,3}(?:level|lvl|severity)=\w", ("level=", "lvl=", "severity=")),
    (r"(?:\S+ )?(?=[FEsxX]*\.)[.FEsxX]{3,} *(?:\[ *\d+%\])?$", ("...", "..F", "F..", ".s", "s.", ".x", ".E")),
    (r"\S+::\S.* (?:SUB)?(?:PASSED|FAILED|SKIPPED|ERROR|XFAIL|XPASS)\b", _VERDICTS),
    (r".*\.\.\. (?:ok|OK|FAIL|FAILED|ERROR|ignored|skipped\b.*|expected failure)(?: \([\d.]+m?s\))?$", ("... ",)),
    (r"\S+#\S+ = [\d.]+ s = [.FES]$", (" s = ",)),
    (r".{0,80}: Executed \d+ of \d+ ", (": Executed ",)),
    (
        r" ?(?:/\S*/)?(?:[\w-]+-)?(?:cc|gcc|g\+\+|c\+\+|clang(?:\+\+)?|gfortran|nvcc|emcc|cc1|cc1plus|collect2)"
        r"(?:-\d+)? (?:.* )?-(?:c|o|quiet|shared) ",
        (" -c ", " -o ", " -quiet ", " -shared "),
    ),
    (r"(?:/bin/(?:ba)?sh )?\S*libtool +--tag=", ("libtool",)),
    (
        r"[^\s:(][^:(\n]*(?::\d+(?::\d+)?:| ?\(\d+,\d+\):|:\d+:\d+ -) *(?:fatal )?"
        r"(?:error|warning|note|info|remark|[A-Z]+\d+)\b",
        (":", "("),
    ),
    (r"\S+: In (?:function|member|constructor|instantiation|substitution)", (": In ",)),
    (r"[\w.-]+ +Traceback \(most recent call last\)", ("Traceback (",)),
    (r"\S+/\S+ +[\d.,]+ k?B(?: │|$)", (" kB", " B")),
)


def _alternatives(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


_OWN_START = _alternatives(*_TIMES, *_LEVELS, *_TESTS, *_BUILDS, *_DIAGNOSTICS, *_PACKAGES, *_TRACES)
_ANY_START = tuple((re.compile(pattern), signs) for pattern, signs in _ANYWHERE)


def patterns(text: str) -> tuple[re.Pattern[str], ...]:
    """The patterns by which lines of `text` can be explained."""
    possible = (pattern for pattern, signs in _ANY_START if any(sign in text for sign in signs))
    return (_OWN_START, *possible)


def explains(possible: tuple[re.Pattern[str], ...], line: str) -> bool:
    """Whether one of `patterns` says that only a program's log holds this line."""
    for pattern in possible:  # noqa: SIM110 -- half the cost of any() over a generator
        if pattern.match(line) is not None:
            return True
    return False


CONCLUSION = _alternatives(
    r"=+ (?:test session starts|test process starts|tests finished: .*|no tests ran in [\d.]+s.*) =+$",
    r"=* ?(?:\d+ (?:passed|failed|errors?|skipped|deselected|xfailed|xpassed|warnings?|rerun)(?:, )?)+ in [\d.]+s.*$",
    r"Ran \d+ tests? in [\d.]+s$|test result: (?:ok|FAILED)\. \d+ passed|\d+% tests passed, \d+ tests failed out of",
    r"Tests: +.*\d+ total$|Test Suites: .*\d+ total$|\s*(?:Test Files|Tests)  +\d+ (?:passed|failed)",
    r"[#\u2139] tests \d+$|\s+\d+ passing \(\d|\d+ examples?, \d+ failures?|OK \(\d+ tests?, |Tests: \d+, Assert",
    r"(?:\[(?:INFO|ERROR|WARNING)\] )?(?:Tests run: \d+, Failures: \d|BUILD (?:SUCCESS|FAIL))",
    r"\[ +(?:PASSED|FAILED) +\] \d+ tests?|(?:ok|FAIL)\s+\S+\s+[\d.]+s$|(?:Passed|Failed)! +- Failed: ",
    r"(?:g?make|ninja)(?:\[\d+\])?: (?:\*\*\* |build stopped)",
    r"error: could not compile |\s+Finished (?:`\w+` profile|\w+ \[)|npm (?:ERR!|error) A complete log",
    r"added \d+ packages?\b|Successfully installed \S|Found \d+ errors?[. ]",
    r"ERROR: (?:Failed building|Could not find a version|No matching distr)",
)
"""The line by which a runner or a package manager opens or concludes all it says; what stands in the same output of a
tool is a part of it or belongs to the session around it."""

RULE = re.compile(r"=+ .* =+$")
"""Any of pytest's headings."""

TRACE = re.compile(r"\++ [\w./'\[:]")
"""A command in a shell's trace of what it runs."""

TRACE_OF_GIT = re.compile(r"\++ git (?:-\S+ )*(?:show|diff|log|status) ?")
"""A command whose output, down to the next traced command, is no log but belongs to the session."""

BRANCH = re.compile(r"[│ ]{0,80}[├└]─")
"""A line of a drawn tree, as package managers print what they installed: evidence for nothing."""

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
