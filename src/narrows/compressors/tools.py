"""What a tool call says about the text it produced.

The call is older than the text, so it is legal evidence (law 4), and it decides as much as the text does: the content
of a file that an edit must later match is never altered, whatever it looks like. Names and arguments are never trusted:
anything unreadable is no evidence.

Two sorts of tools are told apart. A tool with a name of its own (`read_file`, `view`, `str_replace_editor`) says it by
the words of its name. A shell says it by its command line, which a small tokenizer splits into the simple commands of
its pipelines: quotes, lists, redirections, here-documents, wrappers (`timeout 60`, `bash -lc '...'`, `uv run`) are
understood as far as POSIX shells agree on them; expansions are not, they stay words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from narrows.core import jsonscan
from narrows.core.tool_call import ToolCall

MAX_COMMAND_CHARACTERS = 8192
"""Of a longer command line only the beginning is read; the bound keeps a hostile one cheap."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SHELL_WORDS = _words("bash sh zsh shell terminal exec execute run command commands cmd console powershell")
_FILE_VERBS = _words("read view cat open edit write replace patch insert create show get load fetch")
_FILE_NOUNS = _words("file files text document notebook editor source content contents lines buffer")
_ALONE = _words("read view cat open edit write patch multiedit replace readfile viewfile fs")
_NOT_FILES = _words("log logs job jobs row rows table query record records issue issues email message")
_COMMAND_KEYS = ("command", "cmd", "commands", "script", "shell_command", "command_line", "commandline", "input")
_PATH_KEYS = _words("path file file_path filepath filename file_name absolute_path target_file paths files")

_TOKEN = re.compile(
    r"""(?P<end>&&|\|\||[;\n()]|&(?!>))
      | (?P<pipe>\|&?)
      | (?P<redirect>\d*(?:>>|>&|>\||>|<<<|<<-?|<&|<)|&>>?)
      | (?P<word>(?:[^\s;|&()<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)
      | (?P<space>[^\S\n]+)
      | (?P<stray>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)""", re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1([^\n]*)\n")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_KEYWORDS = _words("do then else if while until ! time exec command builtin nohup sudo env nice stdbuf { (")
_RUNNERS = _words("uv poetry pipenv pdm hatch rye pnpm yarn bundle conda mamba")
_SHELLS = _words("sh bash zsh dash ksh")
_READERS = _words("cat bat batcat head tail nl less more tac type get-content gc")
_SCRIPTED_READERS = _words("sed gsed awk gawk mawk perl")
_PASSES_ON = _READERS | _SCRIPTED_READERS | _words("cut tr expand fold column")
_NO_VALUES: frozenset[str] = frozenset()
_COUNTS = _words("-n -c --lines --bytes")
_SCRIPTS = _words("-e -f -v -F -l")
_TAKES_VALUE = {
    "head": _COUNTS,
    "tail": _COUNTS,
    "git": _words("-C -c --git-dir --work-tree"),
    "make": _words("-C -f -j"),
    "sed": _SCRIPTS,
    "gsed": _SCRIPTS,
    "awk": _SCRIPTS,
    "gawk": _SCRIPTS,
    "mawk": _SCRIPTS,
    "bat": _words("-l -r --language --line-range"),
    "npm": _words("--prefix"),
}
_LOG_PATH = re.compile(
    r"(?:\.(?:log|out)(?:[.-]\d[\w.:-]*)?|[_-]log(?:\.\d+)?|^/var/log/.*|(?:^|/)(?:syslog|dmesg|maillog)(?:\.\d+)?)$",
    re.IGNORECASE,
)
_FILE_WINDOW = re.compile(r"(?:[^\n]*\n){0,2}\[File: [^\n]* \(\d+ lines total\)\]")
_STREAMS = frozenset({"/dev/null", "/dev/stderr", "/dev/stdout", "/dev/tty", "-"})


@dataclass(frozen=True, slots=True)
class _Command:
    """One simple command: its words without quotes, the wrappers before it removed, and where its output goes."""

    words: tuple[str, ...]
    to_file: bool = False


_Pipeline = tuple[_Command, ...]


def reads_file(tool_call: ToolCall) -> bool:
    """Whether the call's output holds a file's content, which an edit may have to match to the letter.

    True for tools that read, view or edit files, and for shell lines in which any pipeline begins with a reading
    command (`cat`, `head`, `sed -n`, `git show REV:PATH`, ...) and only passes on what was read. Reading a log
    (`*.log`, `*.out`, /var/log) is no such read: nobody edits those.
    """
    arguments = _arguments(tool_call)
    lines = _command_lines(tool_call, arguments)
    if lines:
        return any(_pipeline_reads(pipeline) for line in lines for pipeline in _pipelines(line))
    return _names_a_file_tool(tool_call.name, arguments)


def shows_a_file(text: str) -> bool:
    """Whether a text begins as SWE-agent's window on a file: `[File: /path (123 lines total)]`."""
    return _FILE_WINDOW.match(text) is not None


def shell_commands(tool_call: ToolCall) -> tuple[str, ...]:
    """The commands of a shell call, in order: base names without path, and once more with the subcommand where one
    follows (`git`, `git diff`, `npm`, `npm test`; `python -m pytest` is `python`, `pytest`). Empty for other tools."""
    found: list[str] = []
    for line in _command_lines(tool_call, _arguments(tool_call)):
        for pipeline in _pipelines(line):
            for command in pipeline:
                found += _spoken(command.words)
    return tuple(dict.fromkeys(found))


def _arguments(tool_call: ToolCall) -> object:
    """The arguments as JSON says them; None where they are no JSON."""
    if len(tool_call.arguments) > 4 * MAX_COMMAND_CHARACTERS and not tool_call.arguments.startswith("{"):
        return None
    try:
        return msgspec.json.decode(tool_call.arguments)
    except RecursionError:
        return _members(tool_call.arguments)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


def _members(arguments: str) -> dict[str, object] | None:
    """The arguments where some value nests too deep to be decoded: that value is None, the others are as they are. How
    deep is too deep depends on the caller's stack, which must decide nothing (law 4); no such value is looked at."""
    body = arguments.encode()
    found: dict[str, object] = {}
    try:
        for key, start, stop in jsonscan.document(body):
            try:
                found[key] = msgspec.json.decode(body[start:stop])
            except RecursionError:
                found[key] = None
    except (ValueError, msgspec.DecodeError):
        return None
    return found


def _name_words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _NAME_WORDS.findall(name[:256]))


def _names_a_file_tool(name: str, arguments: object) -> bool:
    words = _name_words(name)
    if words & _NOT_FILES or not words & (_FILE_VERBS | _ALONE):
        return False
    if words & _FILE_NOUNS or (len(words) == 1 and words <= _ALONE):
        return True
    keys = frozenset(str(key).lower() for key in arguments) if isinstance(arguments, dict) else frozenset()
    return bool(keys & _PATH_KEYS)


def _command_lines(tool_call: ToolCall, arguments: object) -> tuple[str, ...]:
    """The command lines that a call gave to a shell; none where the tool is no shell."""
    shell_like = bool(_name_words(tool_call.name) & _SHELL_WORDS)
    if isinstance(arguments, dict):
        keys = _COMMAND_KEYS if shell_like else _COMMAND_KEYS[:3]
        for key in keys:
            lines = _as_lines(arguments.get(key), several=key.endswith("s"))
            if lines and (shell_like or not _PATH_KEYS & arguments.keys()):
                return lines
        return ()
    if not shell_like:
        return ()
    return _as_lines(arguments if arguments is not None else tool_call.arguments)


def _as_lines(value: object, *, several: bool = False) -> tuple[str, ...]:
    """A command as text, as an argument vector, or, if `several`, a list of commands."""
    if isinstance(value, str):
        return (value[:MAX_COMMAND_CHARACTERS],) if value.strip() else ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return ()
    texts = [item for item in value[:64] if isinstance(item, str)]
    if several:
        return tuple(item[:MAX_COMMAND_CHARACTERS] for item in texts)
    quoted = " ".join("'" + item.replace("'", "'\\''") + "'" for item in texts)
    return (quoted[:MAX_COMMAND_CHARACTERS],) if quoted else ()


def _pipelines(line: str, depth: int = 0) -> Iterator[_Pipeline]:
    """The pipelines of a command line, lists and groups taken apart."""
    stages: list[_Command] = []
    words: list[str] = []
    to_file = redirecting = False
    stream = ""
    for token in _TOKEN.finditer(_without_here_documents(line) + "\n"):
        kind, text = token.lastgroup, token.group()
        if kind == "word":
            if redirecting:
                to_file = to_file or (stream in (">", "1>", ">>", "1>>", "&>", "&>>", ">|") and text not in _STREAMS)
                redirecting = False
            else:
                words.append(_unquoted(text))
        elif kind == "redirect":
            redirecting, stream = True, text
        elif kind in ("pipe", "end"):
            redirecting = False
            stages += _unwrapped(words, to_file)
            words, to_file = [], False
            if kind == "end" and stages:
                yield from _with_inner(tuple(stages), depth)
                stages = []


def _with_inner(pipeline: _Pipeline, depth: int) -> Iterator[_Pipeline]:
    """The pipeline, or what `bash -c '...'` runs in its stead."""
    inner = _shell_script(pipeline[0].words)
    if inner is None or depth >= 3:
        yield pipeline
        return
    *before, last = [*_pipelines(inner, depth + 1)] or [()]
    yield from before
    yield (*last, *pipeline[1:]) or pipeline


def _shell_script(words: tuple[str, ...]) -> str | None:
    if _base(words[0]) not in _SHELLS:
        return None
    for position, word in enumerate(words[1:], 1):
        if word.startswith("-") and word.endswith("c") and position + 1 < len(words):
            return words[position + 1]
    return None


def _without_here_documents(line: str) -> str:
    """The line with the bodies of its here-documents removed; an unended one reaches to the end."""
    pieces: list[str] = []
    position = 0
    while (start := _HERE_DOCUMENT.search(line, position)) is not None:
        pieces += (line[position : start.start()], start.group(3), "\n")
        end = re.compile(rf"^[ \t]*{re.escape(start.group(2))}[ \t]*$", re.MULTILINE).search(line, start.end())
        if end is None:
            return "".join(pieces)
        position = end.end()
    return "".join([*pieces, line[position:]])


def _unquoted(word: str) -> str:
    if "'" not in word and '"' not in word and "\\" not in word:
        return word
    return _QUOTED.sub(lambda quoted: quoted.group(1) or quoted.group(2) or quoted.group(3) or "", word)


def _unwrapped(words: list[str], to_file: bool) -> list[_Command]:
    """The command without what merely runs it: assignments, keywords, `timeout 60`, `uv run`, `xargs`."""
    rest = words
    while rest:
        first = _base(rest[0])
        if not first or _ASSIGNMENT.match(rest[0]) or first in _KEYWORDS:
            rest = rest[1:]
        elif first in ("timeout", "gtimeout"):
            rest = rest[1:]
            while rest and (rest[0].startswith("-") or rest[0][:1].isdigit()):
                rest = rest[1:]
        elif first in _RUNNERS and len(rest) > 2 and rest[1] in ("run", "exec"):
            rest = rest[2:]
        elif first == "xargs":
            rest = [word for word in rest[1:] if not word.startswith("-")]
            rest = [*rest, "FILE"] if rest else []
        else:
            return [_Command(tuple(rest), to_file)]
    return []


def _base(word: str) -> str:
    return word.rpartition("/")[2].lower().removesuffix(".exe")


def _spoken(words: tuple[str, ...]) -> list[str]:
    """One command's names: itself, and itself with its subcommand or module."""
    first = _base(words[0])
    names = [first]
    if first.startswith("python") and "-m" in words[1:-1]:
        return [*names, words[words.index("-m") + 1]]
    operands = _operands(words)
    if first == "npx" and operands:
        return [*names, _base(operands[0])]
    if operands and re.fullmatch(r"[a-z][a-z0-9:_-]*", operands[0]):
        names.append(f"{first} {operands[0]}")
    return names


def _operands(words: tuple[str, ...]) -> list[str]:
    """A command's words that are neither options nor, as far as a short list knows, their values."""
    values = _TAKES_VALUE.get(_base(words[0]), _NO_VALUES)
    found: list[str] = []
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif word.startswith("-") and len(word) > 1:
            skip = word in values
        elif word:
            found.append(word)
    return found


def _pipeline_reads(pipeline: _Pipeline) -> bool:
    if not pipeline or any(command.to_file for command in pipeline):
        return False
    if any(_base(command.words[0]) not in _PASSES_ON for command in pipeline[1:]):
        # `... | xargs cat` reads whatever came before it
        return len(pipeline) > 1 and "FILE" in pipeline[-1].words and _paths_read(pipeline[-1].words) != []
    return any(_paths_read(command.words) for command in pipeline)


def _paths_read(words: tuple[str, ...]) -> list[str]:
    """The files whose content a command prints; logs are none."""
    first = _base(words[0])
    if first == "find" and "-exec" in words:
        return _paths_read((*words[words.index("-exec") + 1 :], "FILE")) if words[-1] != "-exec" else []
    if first == "git":
        return [word for word in words[2:] if ":" in word and not word.startswith("-")] if "show" in words[1:5] else []
    operands = [word for word in _operands(words) if word not in _STREAMS]
    if first in _SCRIPTED_READERS:
        if any(word.startswith(("-i", "--in-place")) for word in words):
            return []
        operands = operands if any(word in ("-e", "-f") for word in words) else operands[1:]
    elif first not in _READERS:
        return []
    return [word for word in operands if not _LOG_PATH.search(word)]
