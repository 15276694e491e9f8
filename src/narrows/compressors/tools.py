"""What a tool call says about the text it produced.

The call is older than the text, so it is legal evidence (law 4), and it decides as much as the text does: the content
of a file that an edit must later match is never altered, whatever it looks like. Names and arguments are never trusted:
anything unreadable is no evidence.

Two sorts of tools are told apart. A tool with a name of its own (`read_file`, `view`, `str_replace_editor`) says it by
the words of its name, or of an argument that says what to do (`{"command": "view"}`). A shell says it by its command
line, which is read as the simple commands of its pipelines (`shell_words`).
"""

from __future__ import annotations

import re

import msgspec

from narrows.compressors import fetches
from narrows.compressors.shell_words import MAX_COMMAND_CHARACTERS, STREAMS, Pipeline, base, operands, pipelines, spoken
from narrows.compressors.types import Source
from narrows.core import jsonscan
from narrows.core.tool_call import ToolCall
from narrows.policy import Pages


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NAME_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_SHELL_WORDS = _words("bash sh zsh shell terminal exec execute run command commands cmd console powershell")
_FILE_VERBS = _words("read reader view viewer cat open edit write replace patch insert create show get load fetch")
_FILE_NOUNS = _words("file files filesystem text document notebook editor source content contents lines buffer")
_ALONE = _words("read view cat open edit write patch multiedit replace readfile viewfile fs")
_NOT_FILES = _words("log logs job jobs row rows table query record records issue issues email message")
_COMMAND_KEYS = ("command", "cmd", "commands", "script", "shellcommand", "commandline", "input")
_PATH_KEYS = _words("path file filepath filename absolutepath targetfile paths files")
_VERB_KEYS = ("command", "action", "operation", "op", "method", "mode")
"""Names of arguments, in small letters and without what stands between words."""

_READERS = _words("cat bat batcat head tail nl less more tac iconv type get-content gc")
_SCRIPTED_READERS = _words("sed gsed awk gawk mawk perl")
_PASSES_ON = _READERS | _SCRIPTED_READERS | _words("cut tr expand fold column tee")
_NUMBER_OPTION = re.compile(r"^(?:-[A-Za-z]*[nbN]|--number(?:-nonblank)?|--LINE-NUMBERS)")
_NUMBERING = {
    **dict.fromkeys(("cat", "bat", "batcat", "less"), _NUMBER_OPTION),
    **dict.fromkeys(("awk", "gawk", "mawk"), re.compile(r"\bF?NR\b")),
}
_LOG_PATH = re.compile(
    r"(?:\.(?:log|out)(?:[.-]\d[\w.:-]*)?|[_-]log(?:\.\d+)?|^/var/log/.*|(?:^|/)(?:syslog|dmesg|maillog)(?:\.\d+)?)$",
    re.IGNORECASE,
)
_FILE_WINDOW = re.compile(r"(?:[^\n]*\n){0,2}\[File: [^\n]* \(\d+ lines total\)\]")


def reads_file(tool_call: ToolCall) -> bool:
    """Whether the call's output holds a file's content, which an edit may have to match to the letter.

    True for tools that read, view or edit files, and for shell lines in which any pipeline begins with a reading
    command (`cat`, `head`, `sed -n`, `git show REV:PATH`, ...) and only passes on what was read. Reading a log
    (`*.log`, `*.out`, /var/log) is no such read: nobody edits those.
    """
    arguments = _arguments(tool_call)
    lines = _command_lines(tool_call, arguments)
    if lines:
        return any(_pipeline_reads(pipeline) for line in lines for pipeline in pipelines(line))
    return _names_a_file_tool(tool_call.name, arguments) and not fetches.from_elsewhere(arguments)


def is_read(source: Source) -> bool:
    """Whether the source's call is known to read files."""
    return source.tool_call is not None and reads_file(source.tool_call)


def fetches_page(tool_call: ToolCall, pages: Pages) -> bool:
    """Whether the call fetched a page from elsewhere, to be read, by the sorts of tools that `pages` names: one with a
    name of its own and an address among its arguments, or a shell's `curl` and the like."""
    arguments = _arguments(tool_call)
    lines = _command_lines(tool_call, arguments)
    if lines:
        found = [pipeline for line in lines for pipeline in pipelines(line)]
        return pages is Pages.ALL and fetches.by_shell(found, _PASSES_ON)
    return (
        pages is not Pages.OFF and fetches.from_elsewhere(arguments) and fetches.to_be_read(tool_call.name, arguments)
    )


def is_shell(tool_call: ToolCall) -> bool:
    """Whether the call gave command lines to a shell."""
    return bool(_command_lines(tool_call, _arguments(tool_call)))


def numbers_lines(tool_call: ToolCall) -> bool:
    """Whether a command of a shell call puts numbers before lines: `nl`, `cat -n`, `less -N`, awk with `NR`."""
    lines = _command_lines(tool_call, _arguments(tool_call))
    run = (command for line in lines for pipeline in pipelines(line) for command in pipeline)
    return any(_numbers_lines(command.words) for command in run)


def _numbers_lines(words: tuple[str, ...]) -> bool:
    first = base(words[0])
    if first in _NUMBERING:
        return any(_NUMBERING[first].search(word) for word in words[1:])
    return first == "nl"


def shows_a_file(text: str) -> bool:
    """Whether a text begins as SWE-agent's window on a file: `[File: /path (123 lines total)]`."""
    return _FILE_WINDOW.match(text) is not None


def shell_commands(tool_call: ToolCall) -> tuple[str, ...]:
    """The commands of a shell call, in order: base names without path, and once more with the subcommand where one
    follows (`git`, `git diff`, `npm`, `npm test`; `python -m pytest` is `python`, `pytest`). Empty for other tools."""
    found: list[str] = []
    for line in _command_lines(tool_call, _arguments(tool_call)):
        for pipeline in pipelines(line):
            for command in pipeline:
                found += spoken(command.words)
    return tuple(dict.fromkeys(found))


def commands(source: Source) -> tuple[str, ...]:
    """The shell commands of the source's call; none without a call."""
    return () if source.tool_call is None else shell_commands(source.tool_call)


def _arguments(tool_call: ToolCall) -> object:
    """The arguments as JSON says them, an object's by `_plain` names; None where they are no JSON."""
    found = _decoded(tool_call)
    return {_plain(key): value for key, value in found.items()} if isinstance(found, dict) else found


def _plain(key: object) -> str:
    """A name as all clients write it: `CommandLine`, `command_line` and `command-line` are one."""
    return str(key).lower().replace("_", "").replace("-", "")


def _decoded(tool_call: ToolCall) -> object:
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
    members = arguments if isinstance(arguments, dict) else {}
    verb = next((said for key in _VERB_KEYS if isinstance(said := members.get(key), str)), "")
    words = _name_words(name) | {verb.lower()}
    if words & _NOT_FILES or not words & (_FILE_VERBS | _ALONE):
        return False
    if words & _FILE_NOUNS or (len(words) == 2 and words <= {"", *_ALONE}):
        return True
    return bool(members.keys() & _PATH_KEYS)


def _command_lines(tool_call: ToolCall, arguments: object) -> tuple[str, ...]:
    """The command lines that a call gave to a shell; none where the tool is no shell."""
    shell_like = bool(_name_words(tool_call.name) & _SHELL_WORDS)
    if isinstance(arguments, dict):
        keys = _COMMAND_KEYS if shell_like else _COMMAND_KEYS[:3]
        for key in keys:
            said, further = arguments.get(key), arguments.get("args")
            lines = _as_lines([said, *further] if isinstance(further, list) else said, several=key.endswith("s"))
            if lines and (shell_like or not _PATH_KEYS & arguments.keys()):
                return lines
        return ()
    if not shell_like:
        return ()
    return _as_lines(arguments if arguments is not None else tool_call.arguments)


def _as_lines(value: object, *, several: bool = False) -> tuple[str, ...]:
    """A command as text, as an argument vector, or, if `several`, a list of commands."""
    if isinstance(value, str):
        return (value[: 8 * MAX_COMMAND_CHARACTERS],) if value.strip() else ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return ()
    texts = [item for item in value[:64] if isinstance(item, str)]
    if several:
        return tuple(item[: 8 * MAX_COMMAND_CHARACTERS] for item in texts)
    quoted = " ".join("'" + item.replace("'", "'\\''") + "'" for item in texts)
    return (quoted[: 8 * MAX_COMMAND_CHARACTERS],) if quoted else ()


def _pipeline_reads(pipeline: Pipeline) -> bool:
    if not pipeline or any(command.to_file for command in pipeline):
        return False
    if any(base(command.words[0]) not in _PASSES_ON for command in pipeline[1:]):
        # `... | xargs cat` reads whatever came before it
        return len(pipeline) > 1 and "FILE" in pipeline[-1].words and _paths_read(pipeline[-1].words) != []
    return any(_paths_read(command.words) for command in pipeline)


def _is_blob(subcommand: str, word: str) -> bool:
    """Whether a word of `git show` or `git cat-file` names a file's content."""
    return subcommand == "cat-file" or (subcommand == "show" and ":" in word)


def _paths_read(words: tuple[str, ...]) -> list[str]:
    """The files whose content a command prints; logs are none."""
    first = base(words[0])
    if first == "find" and "-exec" in words:
        return _paths_read((*words[words.index("-exec") + 1 :], "FILE")) if words[-1] != "-exec" else []
    paths = [word for word in operands(words) if word not in STREAMS]
    if first == "git":
        return [word for word in paths[1:] if _is_blob(paths[0], word)]
    if first in _SCRIPTED_READERS:
        if any(word.startswith(("-i", "--in-place")) for word in words):
            return []
        paths = paths if any(word in ("-e", "-f") for word in words) else paths[1:]
    elif first not in _READERS:
        return []
    return [word for word in paths if not _LOG_PATH.search(word)]
