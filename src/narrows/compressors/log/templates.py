"""Which lines are alike: equal but for numbers, names and paths.

Two steps, both over the distinct texts that remain when digits are removed, so the work grows with variety and not with
length. First every word that is not plain letters (a path, an address, `key=value`) becomes a star. Then, among texts
that are still rare, words that are rare in the whole log become stars too, as in frequency-based template mining
(Vaarandi's SLCT): `Unpacking zlib * ...` joins `Unpacking curl * ...`, because `Unpacking` is frequent and the names
are not. A text keeps at least half of its words in this step, so an unusual message never joins a usual one.

What package managers say of one package after the other is known by its first words (`_ROUTINE`): names and versions
are most of it, and some have names of several words.

The templates are only used to decide what is shown; no output line is ever built from one.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

_PLAIN = re.compile(r"[\[({<'\"]*[A-Za-z_-]+[\])}>'\",:;.!?]*")
"""A word that is no variable part."""
_ROUTINE = re.compile(
    r"\s*(?:Requirement already (?:satisfied|up-to-date): |Obtaining dependency information for |Stored in directory: "
    r"|(?:Building|Created) wheel for |Attempting uninstall: |Found existing installation: |Successfully uninstalled "
    r"|(?:Collecting|Downloading|Using cached) (?=\S+(?: \(|$))|Uninstalling (?=\S+:$)"
    r"|Selecting previously unselected package |Preparing to unpack |(?:Unpacking|Setting up) (?=\S+ \()"
    r"|Get: (?=\w+:)|(?:Inst|Conf) (?=\S+ [\[(])|(?:Compiling|Checking|Downloaded) (?=\S+ v)"
    r"|(?:\[INFO\] )?Download(?:ing|ed) from \S+: |go: downloading |npm http (?:fetch |cache )"
    r"|(?:Fetching|Using|Installing) (?=\S+ \.{1,3}$)|- (?:Downloading|Installing|Locking) (?=\S+/)|[+~-] (?=\S+==))"
)
"""What package managers say of one package after the other; the rest of such a line is names and versions."""
_STEP = re.compile(
    r"\s*(?:Installing (?:build|backend) dependencies|Getting requirements to build \w+|Preparing (?:\w+ )?metadata"
    r"|Checking if build backend supports build_editable|Building (?:wheel|editable) for \S+|Running setup\.py \w.*)"
    r"(?: \([\w.]+\))?: (started|still running\.\.\.|finished with status 'done')$"
)
"""What pip says of each step of its work where it cannot redraw a line; a step that fails has another status."""
_STEP_ENDS = (": started", ": still running...", "'done'")
_LETTER = re.compile(r"[^\W\d_]")
RARE = 3
"""A shape with fewer lines than this is a candidate for the second step."""
FREQUENT_WORD = 5
"""A word in at least so many lines is constant in the second step, unless it is what digits leave of a hexadecimal
number: few letters, so that equal ones are chance."""
_OF_HEXADECIMAL = re.compile(r"[a-f]{1,9}\Z")
SMALLEST_FAMILY = 5
"""So many lines must share a second-step shape, or the step is undone for them."""
_LONG = 1000


def shapes(counts: Mapping[str, int]) -> dict[str, str]:
    """The shape of each text. `counts`: lines by text without digits; equal shapes mean alike."""
    masks = Masks()
    first = {key: shape(key, masks) for key in counts}
    lines: Counter[str] = Counter()
    for key, found in first.items():
        lines[found] += counts[key]
    rare = [found for found, count in lines.items() if count < RARE]
    if len(rare) < SMALLEST_FAMILY:
        return first
    second = _families(rare, lines)
    return {key: second.get(found, found) for key, found in first.items()}


class Masks(dict[str, str]):
    """Words as they stand in a shape; each is looked at once."""

    def __missing__(self, word: str) -> str:
        self[word] = mask = word if _PLAIN.fullmatch(word) is not None else "*"
        return mask


def shape(key: str, masks: Masks) -> str:
    """The first step for one text; of a very long one only the beginning counts, and its length class. `masks`: what
    became of words before."""
    if len(key) > _LONG:
        return f"{shape(key[:_LONG], masks)} ...{len(key).bit_length()}"
    if key.endswith(_STEP_ENDS) and (step := _STEP.match(key)) is not None:
        return f"*: {step[1]}"
    routine = _ROUTINE.match(key)
    if routine is not None:
        return f"{routine[0]}*"
    masked = " ".join(map(masks.__getitem__, key.split()))
    if _LETTER.search(masked) is None:
        return _skeleton(key)
    return masked


def _skeleton(key: str) -> str:
    """The shape of a text without a plain word: a lone path or value by what it is made of."""
    words = key.split()
    if len(words) == 1 and ("/" in key or "\\" in key):
        return "path"
    return "".join("a" if character.isalnum() else character for character in key[:8]) + f" *{len(words)}"


def _families(rare: list[str], lines: Mapping[str, int]) -> dict[str, str]:
    """The rare shapes that become alike when rare words are stars."""
    frequency: Counter[str] = Counter()
    for found, count in lines.items():
        for word in set(found.split()):
            frequency[word] += count
    for word in [word for word in frequency if _OF_HEXADECIMAL.match(word) is not None]:
        del frequency[word]
    usual = lines.keys() - rare
    families: defaultdict[str, list[str]] = defaultdict(list)
    for found in rare:
        words = found.split()
        plain = [word for word in words if word != "*"]
        constant = sum(frequency[word] >= FREQUENT_WORD for word in plain)
        if constant and 2 * constant >= len(plain):
            family = " ".join(word if word == "*" or frequency[word] >= FREQUENT_WORD else "*" for word in words)
            families[family].append(found)
    return {
        found: family if family in usual else f"~ {family}"
        for family, members in families.items()
        if sum(lines[member] for member in members) >= (RARE if family in usual else SMALLEST_FAMILY)
        for found in members
    }
