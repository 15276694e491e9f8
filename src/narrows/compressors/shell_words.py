"""A shell's command line as the simple commands of its pipelines.

A small tokenizer understands quotes, comments, lists, redirections, here-documents and wrappers (`sudo -u web`,
`bash -lc '...'`, `docker exec web`) as far as POSIX shells agree on them; expansions are not understood, they stay
words. It never fails: what it cannot read ends up in some word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MAX_COMMAND_CHARACTERS = 8192
"""Of a longer command line only the beginning is read; the bound keeps a hostile one cheap."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN = re.compile(
    r"""(?P<end>&&|\|\||[;\n()]|&(?!>))
      | (?P<pipe>\|&?)
      | (?P<redirect>\d*(?:>>|>&|>\||>|<<<|<<-?|<&|<)|&>>?)
      | (?P<comment>\#[^\n]*)
      | (?P<word>(?:[^\s;|&()<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+)
      | (?P<space>[^\S\n]+)
      | (?P<stray>.)""",
    re.VERBOSE | re.DOTALL,
)
_QUOTED = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)""", re.DOTALL)
_HERE_DOCUMENT = re.compile(r"(?<!<)<<(?!<)-?[ \t]*(['\"]?)(\w+)\1")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_KEYWORDS = _words("do then else if while until ! { (")
_WRAPPERS = _words(
    "time exec command builtin nohup setsid sudo doas env nice ionice stdbuf unbuffer busybox xargs "
    "timeout gtimeout chroot"
)
"""What merely runs the command behind its options."""
_OPERAND_FIRST = _words("timeout gtimeout chroot")
"""Those which have an operand before the command."""
_CONTAINERS = _words("docker podman nerdctl kubectl oc docker-compose")
_RUNNERS = _words("uv poetry pipenv pdm hatch rye pnpm yarn bundle conda mamba")
_SHELLS = _words("sh bash zsh dash ksh su script")
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
    "sudo": _words("-u -g -h -p -C -D -R -T -r -t --user --group --host --prompt --chdir --chroot"),
    "doas": _words("-u -C"),
    "env": _words("-u -C --unset --chdir"),
    "exec": _words("-a"),
    "nice": _words("-n --adjustment"),
    "ionice": _words("-c -n --class --classdata"),
    "stdbuf": _words("-i -o -e --input --output --error"),
    "timeout": _words("-s -k --signal --kill-after"),
    "gtimeout": _words("-s -k --signal --kill-after"),
    "xargs": _words("-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-lines --max-procs --replace"),
    "exec of a container": _words("-e -u -w -n -c --env --env-file --user --workdir --namespace --container --index"),
    "ssh": _words("-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -R -S -W -w"),
}


STREAMS = frozenset({"/dev/null", "/dev/stderr", "/dev/stdout", "/dev/tty", "-"})
"""Files that are none."""


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command: its words without quotes, the wrappers before it removed, and where its output goes."""

    words: tuple[str, ...]
    to_file: bool = False


Pipeline = tuple[Command, ...]


def pipelines(line: str, depth: int = 0) -> Iterator[Pipeline]:
    """The pipelines of a command line, lists and groups taken apart."""
    stages: list[Command] = []
    words: list[str] = []
    inputs: list[str] = []
    to_file = redirecting = False
    stream = ""
    said = _without_here_documents(line).replace("\\\n", "")[:MAX_COMMAND_CHARACTERS]
    for token in _TOKEN.finditer(said + "\n"):
        kind, text = token.lastgroup, token.group()
        if kind == "word":
            if redirecting:
                to_file = to_file or (stream in (">", "1>", ">>", "1>>", "&>", "&>>", ">|") and text not in STREAMS)
                inputs += [_unquoted(text)] if stream in ("<", "0<") else []
                redirecting = False
            else:
                words.append(_unquoted(text))
        elif kind == "redirect":
            redirecting, stream = True, text
        elif kind in ("pipe", "end"):
            redirecting = False
            stages += _unwrapped([*words, *inputs] if words else [], to_file)
            words, inputs, to_file = [], [], False
            if kind == "end" and stages:
                yield from _with_inner(tuple(stages), depth)
                stages = []


def _with_inner(pipeline: Pipeline, depth: int) -> Iterator[Pipeline]:
    """The pipeline, or what `bash -c '...'` runs in its stead."""
    inner = _shell_script(pipeline[0].words)
    if inner is None or depth >= 3:
        yield pipeline
        return
    *before, last = [*pipelines(inner, depth + 1)] or [()]
    yield from before
    yield (*last, *pipeline[1:]) or pipeline


def _shell_script(words: tuple[str, ...]) -> str | None:
    first = base(words[0])
    if first == "eval":
        return " ".join(words[1:])
    if first == "ssh":
        return " ".join(_behind(list(words), "ssh", 1))
    if first not in _SHELLS:
        return None
    for position, word in enumerate(words[1:], 1):
        if word.startswith("-") and word.endswith("c") and position + 1 < len(words):
            return words[position + 1]
    return None


def _without_here_documents(line: str) -> str:
    """The line with the bodies of its here-documents removed; an unended one reaches to the end."""
    if "<<" not in line:
        return line
    kept: list[str] = []
    waiting: list[str] = []
    for one in line.split("\n"):
        if not waiting:
            kept.append(_HERE_DOCUMENT.sub(" ", one))
            waiting = [found[2] for found in _HERE_DOCUMENT.finditer(one)]
        elif one.strip(" \t\r") == waiting[0]:
            del waiting[0]
    return "\n".join(kept)


def _unquoted(word: str) -> str:
    if "'" not in word and '"' not in word and "\\" not in word:
        return word
    return _QUOTED.sub(lambda quoted: quoted.group(1) or quoted.group(2) or quoted.group(3) or "", word)


def _unwrapped(words: list[str], to_file: bool) -> list[Command]:
    """The command without what merely runs it: assignments, keywords, `timeout 60`, `uv run`, `docker exec`."""
    rest = words
    while rest:
        first = base(rest[0])
        if not first or _ASSIGNMENT.match(rest[0]) or first in _KEYWORDS:
            rest = rest[1:]
        elif first in _RUNNERS and len(rest) > 2 and rest[1] in ("run", "exec"):
            rest = rest[2:]
        elif first in _CONTAINERS and "exec" in rest[1:4]:
            rest = _behind(rest[rest.index("exec") :], "exec of a container", 1)
        elif first in _WRAPPERS:
            rest = _behind(rest, first, int(first in _OPERAND_FIRST))
            rest = [*rest, "FILE"] if first == "xargs" and rest else rest
        else:
            return [Command(tuple(rest), to_file)]
    return []


def _behind(words: list[str], wrapper: str, operands: int) -> list[str]:
    """The words behind a wrapper's options and so many of its operands."""
    values, at = _TAKES_VALUE.get(wrapper, _NO_VALUES), 1
    while at < len(words) and (words[at].startswith("-") or operands):
        if words[at] in values:
            at += 1
        elif not words[at].startswith("-"):
            operands -= 1
        at += 1
    return words[at:]


def base(word: str) -> str:
    """A command's name without its folder, in small letters."""
    return word.rpartition("/")[2].lower().removesuffix(".exe")


def spoken(words: tuple[str, ...]) -> list[str]:
    """One command's names: itself, and itself with its subcommand or module."""
    first = base(words[0])
    names = [first]
    if first.startswith("python") and "-m" in words[1:-1]:
        return [*names, words[words.index("-m") + 1]]
    rest = operands(words)
    if first == "npx" and rest:
        return [*names, base(rest[0])]
    if rest and re.fullmatch(r"[a-z][a-z0-9:_-]*", rest[0]):
        names.append(f"{first} {rest[0]}")
    return names


def operands(words: tuple[str, ...]) -> list[str]:
    """A command's words that are neither options nor, as far as a short list knows, their values."""
    values = _TAKES_VALUE.get(base(words[0]), _NO_VALUES)
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
