"""The generated tables of the docs: `make docs` writes them, tests/house/test_docs.py checks that they are current.

A table stands between `<!-- NAME: written by make docs -->` and `<!-- end of NAME -->`; what is around it is prose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from inspect import cleandoc
from pathlib import Path

import msgspec

from narrows.agents.run import TRANSITIONS, RunState
from narrows.cli.words import why_kept, why_untouched
from narrows.compressors.types import Reason
from narrows.settings import SETTINGS, Group, Setting
from narrows.telemetry.events import EVENTS
from narrows.telemetry.metric_table import METRICS
from narrows.wire.types import Refusal
from tests.house import measured

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md")))


def settings() -> str:
    """A table for each group of the settings."""
    return "\n\n".join(
        f"### {group}\n\n"
        + table(("name", "default", "meaning"), [row(one) for one in SETTINGS if one.about.group is group])
        for group in Group
    )


def row(setting: Setting) -> tuple[str, str, str]:
    """A setting's name, default and meaning."""
    shown = setting.show(setting.default)
    metavar = setting.about.form.metavar
    choices = f" One of {', '.join(f'`{one}`' for one in metavar.split('|'))}." if "|" in metavar else ""
    return f"`{setting.name}`", f"`{shown}`" if shown else "none", setting.about.help + choices


def reasons() -> str:
    """Why a part was kept."""
    return table(("reason", "meaning"), [(f"`{reason}`", why_kept(reason)) for reason in Reason])


def refusals() -> str:
    """Why a whole body was left alone."""
    return table(("reason", "meaning"), [(f"`{reason}`", why_untouched(reason)) for reason in Refusal])


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def metrics() -> str:
    """What `/metrics` shows."""
    rows = [
        (f"`{one.name}`", one.type.value, ", ".join(f"`{label}`" for label in one.labels), one.help) for one in METRICS
    ]
    return table(("name", "type", "labels", "meaning"), rows)


def events() -> str:
    """What is logged: a table of fields for each event."""
    return "\n\n".join(
        f"### {row.name}\n\n{cleandoc(row.type.__doc__ or '')} Level: `{row.level}`.\n\n"
        + table(("field", "", "meaning"), event_fields(row.type))
        for row in EVENTS
    )


def event_fields(event: type, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """The fields of an event as they are written, those of inner objects after their own name."""
    described = msgspec.inspect.type_info(event)
    assert isinstance(described, msgspec.inspect.StructType)
    for one in described.fields:
        assert isinstance(one.type, msgspec.inspect.Metadata), f"{event.__name__}.{one.name} has no meaning"
        meaning = (one.type.extra_json_schema or {})["description"]
        inner = [part for part in type_parts(one.type.type) if isinstance(part, msgspec.inspect.StructType)]
        yield f"`{prefix}{one.encode_name}`", "always" if one.required else "", meaning
        for part in inner:
            yield from event_fields(part.cls, f"{prefix}{one.encode_name}.")


def run_states() -> str:
    """How a run of an agent goes from state to state."""
    steps = [(state, after) for state in RunState for after in RunState if after in TRANSITIONS[state]]
    lines = [f"    {state} --> {after}" for state, after in steps]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {RunState.QUEUED}", *lines, "```"])


def type_parts(one: msgspec.inspect.Type) -> tuple[msgspec.inspect.Type, ...]:
    """The members of a union, or the type itself."""
    return one.types if isinstance(one, msgspec.inspect.UnionType) else (one,)


BLOCKS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "reasons": reasons,
    "refusals": refusals,
    "metrics": metrics,
    "events": events,
    "run states": run_states,
    "targets": measured.targets,
    "all figures": measured.all_figures,
    "peers": measured.peers,
    "short targets": measured.short_targets,
    "short peers": measured.short_peers,
    "soak figures": measured.soak,
    "short soak figures": lambda: measured.soak("soak-short"),
}


def written_anew(text: str) -> str:
    """`text` with every block of it generated again."""
    for name, write in BLOCKS.items():
        begin, end = f"<!-- {name}: written by make docs -->", f"<!-- end of {name} -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if opened and closed:
            text = f"{before}{begin}\n\n{write()}\n\n{end}{after}"
    return text


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(written_anew(page.read_text(encoding="utf-8")), encoding="utf-8")
