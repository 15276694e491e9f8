"""What a package manager says of its work, once all of it went well.

Which builds were isolated, which files were fetched, unpacked and checked, says nothing to who reads that the packages
are there: the lines that count are what was asked for, what is installed now, and whatever was wrong. So of a run that
succeeded the steps need no example. A run is a manager's lines with little else between them. It succeeded where the
line stands in it by which its manager says so, if it has one, and where nothing in it or close to it speaks of a
failure; of any other run not even the first and the last of the steps go.

The patterns are over lines without their digits.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from narrows.compressors.log.classes import Tone, holds_any

BETWEEN = 12
"""So many lines of something else, blank and indented ones not counted, may stand between two lines of one run."""
NEAR = 3
"""A failure so many lines before a run or after it may belong to it."""
MOST_ASKED = 5
"""Of the packages that were asked for and were there already so many are shown."""

_STEP_ENDED = (
    r"(?: \([\w.]+\))?(?:: (?:started|still running\.\.\.|finished with status 'done')| \.\.\. [-\\|/ \x08]*done)$"
)
"""As pip writes it where it can redraw a line and where it cannot."""


@dataclass(frozen=True, slots=True)
class _Manager:
    """`steps`: what it says while it works; `done`: what it says at the end; None where nothing. `signs`: one of them
    stands in every log of a run that came to its end."""

    steps: re.Pattern[str]
    done: re.Pattern[str] | None
    signs: tuple[str, ...]


def _manager(steps: str, done: str | None, signs: tuple[str, ...]) -> _Manager:
    return _Manager(re.compile(rf"\s*(?:{steps})"), re.compile(done) if done else None, signs)


_PIP = _manager(
    rf"Requirement already (?:satisfied|up-to-date): \S|(?:Collecting|Downloading|Using cached) \S+(?: \(|$)"
    rf"|Obtaining dependency information for |━+|Building wheels for collected packages: "
    rf"|(?:Installing (?:build|backend) dependencies|Getting requirements to build \w+|Preparing (?:\w+ )?metadata"
    rf"|Checking if build backend supports build_editable|Building (?:wheel|editable) for \S+|Running setup\.py \w.*?)"
    rf"{_STEP_ENDED}|Created wheel for \S+: |Stored in directory: /|Installing collected packages: "
    r"|Attempting uninstall: |Found existing installation: |Uninstalling \S+:$|Successfully uninstalled "
    r"|changing mode of /",
    r"Successfully installed \S",
    ("Successfully installed ", "Requirement already "),
)
_MANAGERS = (
    _PIP,
    _manager(  # apt
        r"(?:Get|Hit|Ign): \w+:|Selecting previously unselected package |Preparing to unpack \S+deb "
        r"|\(Reading database |Unpacking \S+ \(|Extracting templates from packages: "
        r"|Fetched  ?\S+ in |debconf: delaying package config"
        r"|(?:Suggested|Recommended) packages:$|The following additional packages will be installed:$",
        r"(?:(?:Setting up|Conf) \S+ \(|Reading package lists\.\.\.)",
        ("Setting up ", "Conf ", "Reading package lists"),
    ),
    _manager(  # npm
        r"npm (?:http (?:fetch |cache )|(?:verb(?:ose)?|sill(?:y)?|timing|info) )|⠙|reify:",
        r"(?:added|changed|removed|up to date|audited)\b.* packages?\b|up to date in |npm info ok$",
        ("npm ", "reify:"),
    ),
    _manager(  # yarn and pnpm
        r"\[/\] \S+ (?:Resolving|Fetching|Linking|Building) |\[/\] (?:Resolving packages|Fetching packages"
        r"|Linking dependencies|Building fresh packages|Validating package\.json)|Progress: resolved "
        r"|➤ YN: (?:[┌│└·]|$)|Downloading \S+: [. ]*[kMG]?i?B/",
        r"(?:Done in |✨ +Done in |success |➤ YN: Done)",
        ("Done in ", "success ", "YN: Done"),
    ),
    _manager(  # cargo
        r"(?:Compiling|Checking|Downloaded|Fresh) \S+ v[.\w+-]+$|Downloading (?:\d* ?crates|\S+ v)|Downloaded  ?crates"
        r"|Updating crates\.io index|Blocking waiting for file lock",
        r"\s*(?:Finished |Installed package |Installing /)",
        ("Finished ", "Installed package ", "Installing /"),
    ),
    _manager(  # uv
        r"(?:Downloading|Downloaded|Building|Built) \S+(?:==\S+)?(?: \([. ]*[kMG]iB\))?$|(?:Resolved|Prepared|Audited) "
        r" ?packages? in ",
        r"(?:Installed|Audited)  packages? in ",
        (" in ",),
    ),
    _manager(  # conda and mamba
        r"[\w.-]+ *\| *[.]* [kMG]?B *\| *#* *\|? *%"
        r"|(?:Collecting package metadata|Solving environment|Preparing transaction|Verifying transaction)"
        r"[^:]*: .*done$|Downloading and Extracting Packages",
        r"(?:Executing transaction: .*done$|Transaction finished)",
        ("Executing transaction", "Transaction finished"),
    ),
    _manager(r"fetch https?://", r"OK: .* packages?$", ("OK: ",)),  # apk
    _manager(  # dnf and yum
        r"(?:Installing|Verifying|Preparing|Upgrading|Cleanup|Running scriptlet) +: .*/ *$|\(/\): \S+\.rpm "
        r"|Running transaction(?: check| test)?$|Transaction (?:check|test) succeeded\.",
        r"Complete!$",
        ("Complete!",),
    ),
    _manager(  # bundler and gem
        r"(?:Fetching|Using) \S+ [.]+(?:\w+)?$|Fetching \S+\.gem$|(?:Parsing|Installing ri) documentation for "
        r"|Done installing documentation for |Fetching gem metadata from ",
        r"(?:Bundle complete!| ?gems? installed)",
        ("Bundle complete!", " installed"),
    ),
    _manager(  # composer
        r"- (?:Downloading|Locking) \S+/\S+ \(|Loading composer repositories|Updating dependencies$|/ \[[=>-]+\] +%",
        r"Generating (?:optimized )?autoload files",
        (" autoload files",),
    ),
    _manager(r"go: downloading \S+ v", None, ("go: downloading ",)),
    _manager(  # docker
        r"[a-f]*: (?:Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting|Pull complete"
        r"|Already exists)\b",
        r"Status: (?:Downloaded newer image|Image is up to date) for ",
        ("Status: ",),
    ),
)
_LIST = re.compile(r"(?:Suggested|Recommended) packages:$|The following additional packages will be installed:$")
"""What apt would install besides, or will: the indented lines below belong to it, and all that it installs follows."""
_SATISFIED = re.compile(r"Requirement already (?:satisfied|up-to-date): ")
_NEEDED = re.compile(r" \(from (?!-r )")
"""By another package, and not by the list of what was asked for."""
_PROJECT = re.compile(r"(?:Obtaining file:|Processing [./])")
"""A folder is installed: the packages that pip finds there are what it needs, and not what was asked for."""
_UNINSTALLED = "Successfully uninstalled "
_FAILS = re.compile(
    r"E: |Err: |npm http |.*\b(?:errors?|fail(?:ed|ures?|s|ing)?|fatal|abort(?:ed|ing)?|cannot|can't|could ?n[o']t"
    r"|unable to|not found|no (?:matching|such|required)|incompatible|conflicts?|retry(?:ing)?|mismatch|killed"
    r"|exit(?: code| status|ed)?|invalid|unknown|missing|undefined|un(?:resolved|satisfiable|reachable|expected(?:ly)?)"
    r"|denied|refused|rejected|timed? ?out|corrupt(?:ed)?|panic(?:ked)?|crash(?:ed)?|interrupted|traceback)\b",
    re.IGNORECASE,
)
"""A line that mentions trouble, or warns, and means that a step did not go well."""


@dataclass(frozen=True, slots=True)
class Steps:
    """`needless`: lines of successful runs that no example need be shown of. `asked`: what was asked for and was there
    already, which is all that there is of a result."""

    needless: Collection[int]
    asked: Collection[int]


def steps(lines: Sequence[str], keys: Sequence[str], tones: Sequence[Tone], counts: Collection[str]) -> Steps:
    """What package managers' runs need not show. `keys`: the lines without digits; `counts`: each key once."""
    text = "\n".join(counts)
    own_of = {
        manager: {key for key in counts if manager.steps.match(key) is not None}
        for manager in _MANAGERS
        if holds_any(text, manager.signs)
    }
    known = {key for own in own_of.values() for key in own}
    needless: set[int] = set()
    asked: list[int] = []
    failed = [number for number, tone in enumerate(tones) if _fails(keys[number], tone, known)] if known else []
    for manager, own in own_of.items():
        done = {key for key in counts if manager.done is not None and manager.done.match(key) is not None}
        for run in _runs(keys, own, done) if own else ():
            near = bisect_left(failed, run[0] - NEAR)
            if near < len(failed) and failed[near] <= run[-1] + NEAR:
                continue
            if manager is not _PIP:
                ended = manager.done is None or keys[run[-1]] in done
                needless.update(number for number in run if ended and keys[number] not in done)
                continue
            found = _of_pip(lines, keys, run, done)
            needless |= found.needless
            asked += found.asked[:MOST_ASKED]
    return Steps(needless, asked)


def _fails(key: str, tone: Tone, known: Collection[str]) -> bool:
    """Whether a line says that something did not go well. A step that mentions trouble has a package's name for it."""
    if tone < Tone.MENTION or tone is Tone.ERROR:
        return tone is Tone.ERROR
    return _FAILS.match(key) is not None and (key not in known or key.startswith("npm http "))


def _runs(keys: Sequence[str], own: Collection[str], done: Collection[str]) -> Iterator[list[int]]:
    """The numbers of each run's lines, in order."""
    run: list[int] = []
    others = 0
    listed = False
    for number, key in enumerate(keys):
        listed = _LIST.match(key) is not None or (listed and key.startswith("  "))
        if listed or key in own or key in done:
            if run and others > BETWEEN:
                yield run
                run = []
            run.append(number)
            others = 0
        else:
            others += bool(key) and not key.startswith("  ")
    if run:
        yield run


@dataclass(frozen=True, slots=True)
class _OfPip:
    needless: set[int]
    asked: list[int]


def _of_pip(lines: Sequence[str], keys: Sequence[str], run: Sequence[int], done: Collection[str]) -> _OfPip:
    """Pip says at the end what it installed; where all was there already it says nothing of the end. What was there
    already and was asked for is a result; so is the version whose place another one took."""
    ended = [number for number in run if keys[number] in done]
    worked = [number for number in run if _SATISFIED.match(keys[number]) is None and number not in ended]
    if worked and (not ended or worked[-1] > ended[-1]):
        return _OfPip(set(), [])
    first = max(0, run[0] - BETWEEN)
    project = any(_PROJECT.match(line) is not None for line in lines[first : run[-1]])
    asked = [number for number in run if _SATISFIED.match(keys[number]) and not _NEEDED.search(keys[number])]
    results = {*ended, *(() if project else asked)}
    installed = {word for number in ended for word in lines[number].split()}
    for number in run:
        if _UNINSTALLED in keys[number] and lines[number].split()[-1] not in installed:
            results.add(number)
    return _OfPip({number for number in run if number not in results}, [] if project else asked)
