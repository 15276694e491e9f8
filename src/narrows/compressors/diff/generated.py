"""Which files no person reads a diff of: lock files, minified and generated ones."""

from __future__ import annotations

import re

from narrows.compressors.diff.patch import FileDiff

MIN_CHARACTERS = 2_000
"""A smaller change of such a file is shown: it may be what was asked for."""

MINIFIED_LINE_CHARACTERS = 2_000

_LOCK_FILE = re.compile(
    r"""(?:^|/)(?:package-lock\.json | npm-shrinkwrap\.json | yarn\.lock | pnpm-lock\.yaml | bun\.lock | deno\.lock
      | Cargo\.lock | poetry\.lock | Pipfile\.lock | uv\.lock | pdm\.lock | composer\.lock | Gemfile\.lock | go\.sum
      | mix\.lock | flake\.lock | Podfile\.lock | packages\.lock\.json | gradle\.lockfile | pubspec\.lock
      | Package\.resolved | Cartfile\.resolved)"?$""",
    re.VERBOSE,
)
_GENERATED = re.compile(
    r"""(?:^|/)node_modules/ | \.min\.(?:js|mjs|cjs|css)"?$ | \.(?:js|mjs|css)\.map"?$ | _pb2(?:_grpc)?\.pyi?"?$
      | \.pb\.(?:go|cc|h)"?$ | \.g\.dart"?$ | \.designer\.cs"?$ | \.generated\.\w+"?$""",
    re.VERBOSE | re.IGNORECASE,
)


def sort_of(file: FileDiff) -> str:
    """`lock file`, `generated file` or `minified lines` where the file's hunks may be left out; else nothing."""
    hunks = file.hunks
    if sum(len(line) for hunk in hunks for line in hunk.body) < MIN_CHARACTERS:
        return ""
    path = file.path
    if _LOCK_FILE.search(path):
        return "lock file"
    if _GENERATED.search(path):
        return "generated file"
    changed = [len(line) for hunk in hunks for line in hunk.body if line[:1] in ("+", "-")]
    return "minified lines" if changed and min(changed) > MINIFIED_LINE_CHARACTERS else ""
