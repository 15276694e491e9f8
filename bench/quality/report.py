"""The tables: figure, ours, what it must be, whether it is, and the peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Record = dict[str, Any]
OURS = "narrows"


@dataclass(frozen=True, slots=True)
class Row:
    """A figure: how it is read from a shortener's record, how it is printed, and its goal if it has one."""

    name: str
    read: Callable[[Record], float | None]
    goal: float | None = None
    at_most: bool = False
    form: str = "{:.1%}"

    def target(self) -> str:
        if self.goal is None:
            return ""
        return ("<= " if self.at_most else ">= ") + self.form.format(self.goal)

    def verdict(self, value: float | None) -> str:
        if self.goal is None or value is None:
            return ""
        met = value <= self.goal if self.at_most else value >= self.goal
        return "met" if met else "MISSED"


def path(*keys: str) -> Callable[[Record], float | None]:
    """Reads a nested value; None where it is absent."""

    def read(record: Record) -> float | None:
        value: Any = record
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                return None
            value = value[key]
        return value  # type: ignore[no-any-return]  # what lies at the end is a number

    return read


def length(*keys: str) -> Callable[[Record], float | None]:
    """The number of entries of a nested value."""

    def read(record: Record) -> float | None:
        value: Any = path(*keys)(record)
        return None if value is None else len(value)

    return read


COUNT = "{:.0f}"
MS = "{:.1f}"


def _group(name: str, goal: float | None) -> list[Row]:
    return [
        Row(f"{name}: saved", path("groups", name, "saved"), goal),
        Row(f"{name}: gold visible", path("groups", name, "gold", "visible"), 1.0),
    ]


TRUTH = [
    Row("false associations, conservative reader", path("truth", "false"), 0, True, COUNT),
    Row("objections of the strict reader, round trips", length("truth", "objections"), 0, True, COUNT),
]
LOGS = [
    *_group("test runs", 0.5),
    *_group("builds", 0.8),
    *_group("system", 0.7),
    *_group("packages", None),
    Row("linters: saved", path("groups", "linters", "saved")),
    *_group("git", None),
    *_group("others", None),
    Row("worst log: gold visible", path("gold", "worst"), 1.0),
    *TRUTH,
]
JSON = [
    Row("asserted facts visible", path("gold", "visible"), 0.99),
    Row("tokens saved", path("all", "saved"), 0.5),
    Row("median text saved", path("all", "median")),
    *TRUTH,
]
SEARCH = [
    Row("files named", path("matches", "files_named"), 1.0),
    Row("matches kept", path("matches", "matches_kept")),
    Row("saved where every match is kept", path("matches", "with_every_match", "saved"), 0.25),
    Row("matches: saved", path("groups", "matches", "saved")),
    Row("listings: saved", path("groups", "listings", "saved")),
    *TRUTH,
]
DIFFS = [
    Row("file names shown", path("files", "named"), 1.0),
    Row("figures of files true", path("files", "true_numstat"), 1.0),
    Row("saved", path("all", "saved")),
    *TRUTH,
]
PAGES = [
    Row("visible words there", path("words_visible"), 1.0),
    Row("addresses there", path("addresses_visible"), 1.0),
    Row("saved", path("all", "saved")),
    Row("median page saved", path("all", "median")),
    Row("pages shortened", path("all", "shortened"), None, False, COUNT),
    Row("pages", path("all", "texts"), None, False, COUNT),
    Row("objections of the strict reader", length("truth", "objections"), 0, True, COUNT),
]
SPEED_GOALS = {"rows-1500.json": 25.0, "build-2000.log": 12.0, "ripgrep-500.txt": 4.0, "git-2000.diff": 4.0}
AIRLINE_BILL, CODING_BILL = 0.94, 0.85


def tables(record: Record) -> str:
    """Everything that was measured, as plain text."""
    return "\n".join(
        [
            *_texts(record),
            *_conversations(record),
            *_pages(record),
            *_generated(record),
            *_speed(record),
            *_judgement(record),
            *_skipped(record),
        ]
    )


def _table(title: str, rows: list[Row], by_name: dict[str, Record]) -> Iterator[str]:
    peers = [name for name in by_name if name != OURS]
    yield f"\n{title}"
    yield f"  {'':<46}{OURS:>10}{'must be':>11}{'':>8}" + "".join(f"{name:>17}" for name in peers)
    for row in rows:
        values = {name: row.read(found) for name, found in by_name.items()}
        printed = {name: "-" if value is None else row.form.format(value) for name, value in values.items()}
        line = f"  {row.name:<46}{printed.get(OURS, '-'):>10}{row.target():>11}{row.verdict(values.get(OURS)):>8}"
        yield line + "".join(f"{printed[name]:>17}" for name in peers)


def _texts(record: Record) -> Iterator[str]:
    found = record.get("texts", {})
    for kind, rows in (("logs", LOGS), ("json", JSON), ("search", SEARCH), ("diffs", DIFFS)):
        if kind in found:
            vocabularies = [
                Row(f"saved in {name}", path("vocabularies", name))
                for name in found[kind].get(OURS, {}).get("vocabularies", {})
            ]
            yield from _table(kind, [*rows, *vocabularies], found[kind])
    if "json" in found and "narrows lossless" in found["json"]:
        rows = [
            Row("lossless level: asserted facts visible", path("gold", "visible"), 1.0),
            Row("lossless level: tokens saved", path("all", "saved"), 0.35),
        ]
        yield from _table("json, level lossless", rows, {OURS: found["json"]["narrows lossless"]})
    if "opportunities" in found:
        yield "\ntexts under their target, most tokens first"
        for one in found["opportunities"][:15]:
            figures = f"{one['lost']:>7,} of {one['tokens']:>7,}  saved {one['saved']:>6.1%}"
            yield f"  {figures}  {one['text']}  ({one['why']})"


def _conversations(record: Record) -> Iterator[str]:
    found = record.get("conversations", {})
    for source, by_name in found.items():
        if source in ("decisions", "bounds"):
            continue
        airline = source == "tau-airline"
        bill, saved = (AIRLINE_BILL, 0.3) if airline else (CODING_BILL, 0.2)
        if source == "toolbench":
            bill, saved = 1.0, 0.0
        yield from _table(f"conversations: {source}", _conversation_rows(by_name.get(OURS, {}), bill, saved), by_name)
        yield from _above_one(by_name.get(OURS, {}))
    for source, bounds in found.get("bounds", {}).items():
        repeated, numbers = bounds["repeated_lines"], bounds["line_numbers"]
        yield f"  bounds, {source}: lines shown before {repeated:.1%}, line numbers {numbers:.1%} of the tool text"
    for source, rows in found.get("decisions", {}).items():
        yield f"\ntool text of {source}, by what was decided (tokens summed over all requests)"
        for one in rows[:10]:
            yield f"  {one['tokens']:>9,}  {one['texts']:>4} texts  saved {one['saved']:>6.1%}  {one['decision']}"


def _conversation_rows(ours: Record, bill: float, saved: float) -> list[Row]:
    rows = [
        Row("used-later facts visible, macro", path("recall", "macro"), 0.998),
        Row("worst conversation", path("recall", "worst"), 0.9),
        Row("false associations, conservative reader", path("recall", "false"), 0, True, COUNT),
        Row("ceiling: share of the prompt that is tool text", path("savings", "o200k", "ceiling")),
        Row("tool text saved", path("savings", "o200k", "saved"), saved),
    ]
    others = [name for name in ours.get("savings", {}) if name != "o200k"]
    rows += [Row(f"tool text saved in {name}", path("savings", name, "saved"), 0.0) for name in others]
    for name in ours.get("bills", {}):
        rows.append(Row(f"bill, {name}", path("bills", name, "ratio"), bill, True, "{:.3f}"))
        if "least" in ours["bills"][name]:
            rows.append(Row("  whenever one begins, at least", path("bills", name, "least"), None, True, "{:.3f}"))
    rows.append(Row("conversations above 1 that count, all contracts", _above_one_in_all, 0, True, COUNT))
    return rows


def _above_one_in_all(found: Record) -> float:
    counts: list[int] = [bill["above_1_that_count"] for bill in found["bills"].values()]
    return sum(counts)


def _above_one(ours: Record) -> Iterator[str]:
    for contract, bill in ours.get("bills", {}).items():
        for name, one in bill["above_1"].items():
            small = "" if one["counts"] else ", under twice the minimum"
            yield f"  above 1: {one['ratio']:.4f}  {contract}: {name} ({one['prompt_tokens']:,} tokens{small})"


def _pages(record: Record) -> Iterator[str]:
    for source, by_name in record.get("pages", {}).items():
        if by_name:
            yield from _table(f"HTML pages: {source}", PAGES, by_name)


def _generated(record: Record) -> Iterator[str]:
    found = record.get("generated")
    if found:
        yield (
            f"\ngenerated inputs: {found['inputs']:,}; outputs checked: {found['outputs']:,}, of them lossless:"
            f" {found['lossless']:,}; objections: {found['false']} (must be 0)"
        )
        for name, count in found["by_text"].items():
            yield f"  made from {name}: {count}"
        for name, objection in found["objections"].items():
            yield f"  {name}: {objection}"


def _speed(record: Record) -> Iterator[str]:
    found = dict(record.get("speed", {}))
    if found:
        load = found.pop("load")
        rows = []
        for name, goal in SPEED_GOALS.items():
            rows.append(Row(f"{name}: p50 ms of processor", path(name, "p50_cpu_ms"), goal, True, MS))
            rows.append(Row("  p50 ms by the clock", path(name, "p50_ms"), None, True, MS))
            rows.append(Row("  least ms of processor", path(name, "least_cpu_ms"), None, True, MS))
            rows.append(Row("  5 MB of it: ms of processor", path(name, "5_mb_cpu_ms"), None, True, MS))
        yield from _table(f"first-time cost, one process (load of the machine: {load})", rows, found)


def _judgement(record: Record) -> Iterator[str]:
    found = record.get("judgement")
    if not found or not found["all"]["questions"]:
        return
    yield "\nanswers of a small model (SmolLM2-135M): nats that the known answer costs, on average"
    yield (
        f"  {'':<20}{'questions':>10}{'original':>10}{'shortened':>10}{'no text':>10}{'lost':>8}{'95%':>18}"
        f"{'of the text left':>18}{'95%':>18}"
    )
    for name, one in {"all": found["all"], **found["kinds"]}.items():
        nats = one["nats"]
        yield (
            f"  {name:<20}{one['questions']:>10}{nats['original']:>10.2f}{nats['shortened']:>10.2f}"
            f"{nats['nothing']:>10.2f}{one['lost']:>8.2f}{_span(one['lost_interval'], '{:.2f}'):>18}"
            f"{one['of_the_text_left']:>18.1%}{_span(one['left_interval'], '{:.1%}'):>18}"
        )
    every = found["all"]
    loss = "no significant loss" if every["lost_interval"][0] <= 0 else "a SIGNIFICANT LOSS"
    own = every["own"]
    yield f"  over {every['questions']} questions about {every['texts']} texts (at least 200 wanted): {loss}"
    yield (
        f"  answers that are the model's own: {own['original']:.1%} of the original, {own['shortened']:.1%} shortened,"
        f" {own['nothing']:.1%} without the text; lost {_span(every['own_lost_interval'], '{:.1%}')}"
    )
    for sort, lost in found["sorts"].items():
        yield f"  lost, {sort}: {lost:.2f}"


def _span(interval: list[float], form: str) -> str:
    return f"[{form.format(interval[0])}, {form.format(interval[1])}]"


def _skipped(record: Record) -> Iterator[str]:
    for name, reason in record.get("skipped", {}).items():
        yield f"\nskipped: {name}: {reason}"
    yield ""
