"""What one line of a log says, judged by the line alone with its digits removed.

Digits are removed first because they are what varies most: most lines of a log are few texts once they are gone, and
each text is judged once. So nothing here may depend on a digit; what does (the status of an access-log line) stands in
`decide`.

A level counts only in level position: one of the first words, in capitals or marked as a level by brackets, a colon or
`level=`. A word like "failed" anywhere else makes the line a mention of trouble.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple


class Tone(IntEnum):
    """What a line says, from nothing in particular to trouble."""

    PLAIN = 0
    BLANK = 1
    PASSED = 2
    """A test or check went well."""
    SKIPPED = 3
    MENTION = 4
    """Speaks of trouble, without being marked as an error or warning; or is marked as information."""
    WARNING = 5
    ERROR = 6


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_LEVELS = {
    "TRACE": "TRACE", "DEBUG": "DEBUG", "VERBOSE": "VERBOSE", "FINE": "DEBUG", "FINER": "TRACE", "FINEST": "TRACE",
    "INFO": "INFO", "INFORMATION": "INFO", "CONFIG": "INFO", "NOTICE": "NOTICE", "LOG": "INFO",
    "WARN": "WARNING", "WARNING": "WARNING",
    "ERROR": "ERROR", "ERR": "ERROR", "ERR!": "ERROR", "FATAL": "ERROR", "CRITICAL": "ERROR", "CRIT": "ERROR",
    "SEVERE": "ERROR", "PANIC": "ERROR", "ALERT": "ERROR", "EMERG": "ERROR", "FAILURE": "ERROR", "FAIL": "ERROR",
    "INF": "INFO", "DBG": "DEBUG", "DEBU": "DEBUG", "DBUG": "DEBUG", "TRC": "TRACE", "TRAC": "TRACE", "TRCE": "TRACE",
    "VRB": "VERBOSE", "WRN": "WARNING", "ERRO": "ERROR", "FTL": "ERROR", "FATA": "ERROR", "PNC": "ERROR",
    "PANI": "ERROR",
}  # fmt: skip
_LETTERS = {"V": "VERBOSE", "D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR", "F": "ERROR"}
_LEVEL_WORDS = 9
"""Within how many words a level in capitals counts; the longest known prefix (supercomputer RAS logs) has eight."""

_FRAMED_WORDS = 5
"""Within how many words a level counts that is marked as one, in any case."""
_LEVEL_REACH = 200

_FRAMED = re.compile(
    r"(?:level|lvl|severity|loglevel)[=:]\"?(\w+)|[\[<(|](?:\w+:)?(\w+)[\])>|]:?|(\w+)[:!]", re.IGNORECASE
)
_STAMP = re.compile(r"[^A-Za-z]*::|[A-Z][a-z]{2} +::")
_LETTER = re.compile(r"[^A-Za-z]*::\S*\s+(?:[^A-Za-z\s]\S*\s+){0,3}([VDIWEF])[\s/]|([IWEF]) +::")
"""Levels of one letter, as Android and glog write them."""
_LEVEL_SIGNS = (
    "INF", "DEB", "DBG", "DBUG", "WARN", "WRN", "ERR", "TRAC", "TRC", "FAT", "FTL", "CRIT", "NOTICE", "VERB", "VRB",
    "SEVERE", "FINE", "CONFIG", "LOG", "PANI", "PNC", "ALERT", "EMERG", "FAIL",
)  # fmt: skip

_PASSED = re.compile(
    r"\s*[✓✔√] "
    r"|\s*ok(?:\s+-|\s*$|\s+\S+\s+(?:\(cached\)|\.?s)|  +\S)"
    r"|\s*--- PASS: |PASS(?:$|:? +\S)|\s+PASS +\[|\s*\[\s*(?:OK|PASS|PASSED)\s*\]|\[ok\]: |\(pass\) "
    r"|Test Case .* passed \(|\S+#\S+ = \.? ?s = \.$|\[info\] +[-+] (?!.*\*\*\*)"
    r"|(?:.*?[\s\]:>])?(?:SUB)?PASSED(?:\s*[\[(]|\s+\S*[/:.]|\s+in\s|\s*$)"
    r"|.*(?:\.\.\.|\s\.+)\s*(?:ok|OK|Passed|passed)(?:\s+[.(\[].{0,12})?$"
    r"|.*\[OK\]\s*$|test_\w+ ok$| ?\S+ [\u2713s]{2,} +%"
)
_MARKED = re.compile(
    r"(?:[^A-Za-z]*(?:T[^A-Za-z]*Z?[^A-Za-z]*)?|[A-Z][a-z]{2} +::[^A-Za-z]*)(?!.*Tests run: )"
    r"(?:ERROR|ERR|WARN|WARNING|FATAL|CRITICAL|CRIT|SEVERE|PANIC|ALERT|EMERG)[\])>|:,\s]"
)
"""A level of trouble before all words: what follows is no verdict of a test, whatever it ends with."""
_PASSED_SIGNS = ("ok", "OK", "PASS", "assed", "✓", "✔", "√", "(pass)", " s = .", "[info]")
_SKIPPED = re.compile(
    r"(?:.*?[\s\]:>])?(?:SKIPPED|XFAIL|xfail)(?:\s*[\[(]|\s|\s*$)|.*\.\.\. (?:skipped|ignored|expected failure)\b"
    r"|.*# (?:SKIP|skip|TODO|todo)\b|\s*\[ +SKIPPED +\]|\s*--- SKIP: |\s*[↓﹣] "
)
_SKIPPED_SIGNS = ("SKIP", "skip", "ignored", "XFAIL", "xfail", "expected f", "TODO", "todo", "↓", "﹣")
_FAILED = re.compile(
    r"(?:.*?[\s\]:>])?(?:(?:SUB)?FAILED|XPASS)(?:\s*[\[(]|\s+\S|\s*$)"
    r"|.*\.\.\. (?:FAIL|ERROR|FAILED|unexpected success)\b"
    r"|\s*(?:--- FAIL: |FAIL(?:$|[:\s!])|\[\s*FAIL(?:ED)?\s*\])|.*\[FAIL\]\s*$|(?:FAIL|ERROR): \S"
    r"|\[(?:err|exception)\]: |\(fail\) |Test Case .* failed \(|\S+#\S+ = \.? ?s = [FE]$|\[info\] .*\*\*\* FAILED"
    r"| ?\S+ [\u2713s]*\u2a2f"
)
_FAILED_SIGNS = ("FAIL", "ERROR", "XPASS", "unexpected s", "[err", "[exc", "(fail)", "failed (", " s = ", "\u2a2f")
_FAILED_MARK = re.compile(
    r"\s*(?:not ok\b|[✗✘✖✕\u00d7] |● (?!Console$))|[.sxX]*[FE][.sxXFE]*\s*(?:\[\s*%\]\s*)?$"
    r"|\S+ [.sxX]*[FE][.sxXFE]*\s*\[\s*%\]\s*$|test_\w+ [FE]$"
)
_FAILED_STARTS = "n✗✘✖✕\u00d7●"
_FAILED_ENDS = ".sxXFE]"
"""What a line begins or, white space aside, ends with that `_FAILED_MARK` matches."""
ASSERTED = "E   "
"""What begins the lines of an assertion's message in pytest's reports."""
_DIAGNOSTIC = re.compile(r"\s*[^\s:(]*[./][^\s:(]*(?:::+|\(,\):) *[A-Z]+(?:\s|:)")
"""A linter's `path:line:column: CODE message`."""
_OF_GO = re.compile(r"\s*(?:vet: )?[^\s:]+\.go::: ")
_OF_GO_LINTER = re.compile(r".*\((?:[A-Z]{1,3}|[a-z][\w-]*)\)$")
"""What Go's compiler says of a place is an error, whatever word it begins with; its linters name themselves behind."""
_SPEAKS_UP = re.compile(
    r"\s*(?:[^\s:]+:\s?)?(?:fatal |internal |build )?"
    r"(?:error|Error|ERROR|fatal|Fatal|FATAL|panic)(?:\[\w*\])?(?::|!|\s*$)"
    r"|\s*\S+(?:\(,\)|::+|\s):? *(?:- )?(?:fatal )?error\b"
    r"|\s*(?:[\w.$]+[.:])?[A-Z]\w*(?:Error|Exception|Interrupt|Failure)(?::|\s*$|\()"
    r"|\s*(?:Exception in thread|Caused by:|Uncaught |Unhandled |Segmentation fault|Killed$|Aborted|Traceback \()"
    r"|thread '.*' panicked|make(?:\[\])?: \*\*\*|.*: undefined reference to "
    r"|Failed to |FAILURE|ERROR |CONFLICT |FATAL |\s*(?:error|fatal) |##\[error\]|::error"
)
_WARNS = re.compile(
    r"\s*(?:[^\s:]+:\s?)?(?:warning|Warning|WARNING|warn|WARN|deprecated)(?:\[\w*\])?(?::|!)"
    r"|\s*\S+(?:\(,\)|::+|\s):? *(?:- )?warning\b|##\[warning\]|::warning"
)
_NAMED_WARNING = "Warning: "
_WARNS_BY_NAME = re.compile(rf".{{0,200}}?\b\w*{_NAMED_WARNING}")
TROUBLE = ("error", "fail", "warn", "fatal", "panic", "exception", "traceback", "critical")
"""The stems by which the head line counts lines that mention an error, a failure or a warning."""

_TROUBLE_WORDS = _words(
    """error errors err fail fails failed failing failure failures warn warns warning warnings fatal panic panicked
    panicking critical exception exceptions traceback abort aborted aborting assert assertion asserted segfault segv
    sigsegv sigkill sigabrt oom cannot can't couldn't unable denied refused rejected timeout timeouts missing killed
    conflict conflicts unreachable invalid illegal corrupt corrupted corruption mismatch mismatched mismatches exhausted
    exceeded exceeds unexpected unexpectedly unrecoverable undefined unresolved unsupported deprecated vulnerability
    vulnerabilities lost broken dead crash crashed crashes retry retrying throttled throttling rollback interrupt
    interrupted exit exited exits expected actual severed problem problems violation overflow underflow leak leaked
    deadlock stuck unhealthy unavailable
    fehler fehlgeschlagen warnung abgebrochen erreur erreurs échec échoué avertissement fallo advertencia
    errore fallito avviso erro falha aviso ошибка предупреждение"""
)
_TROUBLE_PHRASES = (
    "not found", "no such", "could not", "timed out", "time out", "core dumped", " reset ",
    "错误", "失败", "警告", "异常", "失敗", "エラー", "異常", "오류", "실패",
)  # fmt: skip
"""The last ones say error, failed, warning and the like in Chinese, Japanese and Korean, which part no words."""
_TROUBLE_NAME = re.compile(r"\w(?:Error|Exception|Warning|Failure|Interrupt)\b")
_TROUBLE_NAME_SIGNS = ("Error", "Exception", "Warning", "Failure", "Interrupt")
_BREAKS = str.maketrans(dict.fromkeys(":,;()[]{}'\"`<>|=!?*\u2018\u2019\u201c\u201d", " "))
_ASCII_WORDS = frozenset(word.encode() for word in _TROUBLE_WORDS)
_ASCII_BREAKS = bytes(32 if code in _BREAKS or chr(code).isspace() else code for code in range(256))
"""The same for lines of ASCII, which most are: bytes are translated at ten times the speed."""

_LONG = 600


def level(key: str, signs: tuple[str, ...] = _LEVEL_SIGNS) -> str:
    """The level in level position, in the common names (`TRACE` ... `ERROR`); "" where there is none. `signs`: those of
    the words that levels begin with that the log holds."""
    if key.startswith("npm "):
        word = key[4:].partition(" ")[0].upper()
        return _LEVELS.get(word, "INFO" if word == "HTTP" else "")
    if signs and holds_any(key[:_LEVEL_REACH].upper(), signs):
        found = _level_by_words(key)
        if found:
            return found
    letter = _LETTER.match(key) if "::" in key else None
    return _LETTERS[letter.group(1) or letter.group(2)] if letter is not None else ""


def _level_by_words(key: str) -> str:
    words = key.split(None, _LEVEL_WORDS)[:_LEVEL_WORDS]
    stamped = _STAMP.match(key) is not None
    for place, word in enumerate(words):
        bare = word.strip("[](){}<>|:;,-*")
        found = _LEVELS.get(bare)
        if found is not None:
            return found
        if place >= _FRAMED_WORDS:
            continue
        framed = _FRAMED.match(word)
        if framed is not None:
            found = _LEVELS.get((framed.group(1) or framed.group(2) or framed.group(3)).upper())
            if found is not None and (place == 0 or stamped or framed.group(3) is None or len(words) > place + 1):
                return found
        if stamped and place and word.istitle() and word.upper() in _LEVELS:
            return _LEVELS[word.upper()]
    return ""


class Judgement(NamedTuple):
    """What a line says, and its level (as `level` gives it; "" for the verdict of a test)."""

    tone: Tone
    level: str


def judged(keys: Collection[str]) -> dict[str, Judgement]:
    """What each line says; a key is a line without its digits. Of a very long one its beginning and end are read.

    Signs that stand nowhere in the log are not looked for line by line."""
    text = "\n".join(keys)
    lower = text.lower()
    signs = _Signs(
        failed=_holding(keys, _held(text, _FAILED_SIGNS)),
        skipped=_holding(keys, _held(text, _SKIPPED_SIGNS)),
        passed=_holding(keys, _held(text, _PASSED_SIGNS)),
        levels=_held(text.upper(), _LEVEL_SIGNS),
        phrases=_held(lower, _TROUBLE_PHRASES),
        names=_held(text, _TROUBLE_NAME_SIGNS),
    )
    return {key: _judge(key, signs) for key in keys}


@dataclass(frozen=True, slots=True)
class _Signs:
    """Of the first three groups of signs the lines that hold one, of the others the signs that the log holds."""

    failed: frozenset[str]
    skipped: frozenset[str]
    passed: frozenset[str]
    levels: tuple[str, ...]
    phrases: tuple[str, ...]
    names: tuple[str, ...]


def _holding(keys: Collection[str], signs: tuple[str, ...]) -> frozenset[str]:
    return frozenset([key for sign in signs for key in keys if sign in key])


def _held(text: str, signs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sign for sign in signs if sign in text)


def holds_any(text: str, signs: tuple[str, ...]) -> bool:
    """Whether one of the signs stands in the text."""
    for sign in signs:  # noqa: SIM110 -- half the cost of any() over a generator, once for each distinct line
        if sign in text:
            return True
    return False


def _judge(whole: str, signs: _Signs) -> Judgement:
    if not whole or whole.isspace():
        return Judgement(Tone.BLANK, "")
    key = f"{whole[:400]} {whole[-200:]}" if len(whole) > _LONG else whole
    if key.startswith(ASSERTED) or (whole in signs.failed and _FAILED.match(key)) or _fails(key):
        return Judgement(Tone.ERROR, level(key, signs.levels))
    if whole in signs.skipped and _SKIPPED.match(key) and not _MARKED.match(key):
        return Judgement(Tone.SKIPPED, "")
    if whole in signs.passed and _PASSED.match(key) and not _MARKED.match(key):
        return Judgement(Tone.PASSED, "")
    found = level(key, signs.levels)
    return Judgement(_spoken(key, found, signs), found)


def _fails(key: str) -> bool:
    """Whether a line is marked as failed by a sign alone; what such a line begins or ends with is looked at first."""
    may = key[-1] in _FAILED_ENDS or key[-1].isspace() or key.lstrip()[0] in _FAILED_STARTS
    return may and _FAILED_MARK.match(key) is not None


def _spoken(key: str, found: str, signs: _Signs) -> Tone:
    """What a line says that reports no test; `found` is its level."""
    if found in ("ERROR", "WARNING"):
        return Tone.ERROR if found == "ERROR" else Tone.WARNING
    if not found and "::" in key:
        if _OF_GO.match(key):
            return Tone.WARNING if _OF_GO_LINTER.match(key) else Tone.ERROR
        if _DIAGNOSTIC.match(key):
            return Tone.WARNING
    if not mentions(key, signs.phrases, signs.names):
        return Tone.PLAIN
    if not found:
        if _WARNS.match(key) or (_NAMED_WARNING in key and _WARNS_BY_NAME.match(key)):
            return Tone.WARNING
        if _SPEAKS_UP.match(key):
            return Tone.ERROR
    return Tone.MENTION


def mentions(
    key: str, phrases: tuple[str, ...] = _TROUBLE_PHRASES, names: tuple[str, ...] = _TROUBLE_NAME_SIGNS
) -> bool:
    """Whether a word (not a part of a path or a name) speaks of trouble; `phrases` and `names`: those that may stand in
    it."""
    lower = key.lower()
    if lower.isascii():
        words = lower.encode().translate(_ASCII_BREAKS).replace(b". ", b" ").rstrip(b".").split()
        trouble = not _ASCII_WORDS.isdisjoint(words)
    else:
        trouble = not _TROUBLE_WORDS.isdisjoint(lower.translate(_BREAKS).replace(". ", " ").rstrip(".").split())
    return trouble or holds_any(lower, phrases) or (holds_any(key, names) and _TROUBLE_NAME.search(key) is not None)
