from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

import pytest

from narrows.policy import Kind, Level, Pages, Policy, Scope

OTHERS = {
    "level": Level.LOSSLESS,
    "scope": Scope.LATEST,
    "json_min_bytes": 1,
    "log_min_bytes": 1,
    "search_min_bytes": 1,
    "diff_min_bytes": 1,
    "repeat_min_bytes": 1,
    "table_min_bytes": 1,
    "blob_min_bytes": 1,
    "view_min_bytes": 1,
    "screen_min_bytes": 1,
    "html_min_bytes": 1,
    "html_pages": Pages.ALL,
    "min_saved_tokens": 1,
    "min_saved_share": 0.5,
    "min_saved_share_assumed": 0.5,
    "cache_minimum_tokens": 4096,
    "classifier": "other",
    "tokenizer": "other",
}


def test_the_table_of_other_values_is_whole() -> None:
    assert set(OTHERS) == {field.name for field in fields(Policy)}


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "scope"])
def test_whatever_an_edit_depends_on_changes_the_version(name: str) -> None:
    assert replace(Policy(), **{name: OTHERS[name]}).version != Policy().version  # type: ignore[arg-type] # by name


def test_the_scope_only_chooses_parts() -> None:
    assert replace(Policy(), scope=Scope.LATEST).version == Policy().version


def test_the_version_is_the_same_in_every_process() -> None:
    assert Policy().version == Policy().version
    assert re.fullmatch(r"[0-9a-f]{16}", Policy().version)


def test_each_kind_that_can_be_shortened_has_its_threshold() -> None:
    sizes = {
        "json": 1,
        "log": 2,
        "search": 3,
        "diff": 4,
        "repeat": 5,
        "table": 6,
        "blob": 7,
        "view": 8,
        "html": 9,
        "screen": 10,
    }
    policy = Policy(**{f"{kind}_min_bytes": size for kind, size in sizes.items()})  # type: ignore[arg-type] # by name
    thresholds = {kind: policy.min_bytes(kind) for kind in Kind}
    assert {kind: size for kind, size in thresholds.items() if size is not None} == {
        Kind.JSON: 1,
        Kind.LOG: 2,
        Kind.SEARCH: 3,
        Kind.DIFF: 4,
        Kind.REPEAT: 5,
        Kind.TABLE: 6,
        Kind.BLOB: 7,
        Kind.VIEW: 8,
        Kind.HTML: 9,
        Kind.SCREEN: 10,
    }


def test_the_default_thresholds() -> None:
    policy = Policy()
    assert [policy.min_bytes(kind) for kind in (Kind.JSON, Kind.LOG, Kind.SEARCH, Kind.DIFF)] == [256, 512, 512, 1024]
    assert policy.min_bytes(Kind.REPEAT) == 256
    assert policy.smallest_min_bytes == 256
    assert policy.min_bytes(Kind.TABLE) == policy.min_bytes(Kind.BLOB) == 1024


@pytest.mark.parametrize(
    "values",
    [
        {"level": "lossless"},
        {"scope": "latest"},
        {"html_pages": "all"},
        {"min_saved_share": "0.1"},
        {"json_min_bytes": None},
    ],
)
def test_a_value_of_another_type_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        Policy(**values)


@pytest.mark.parametrize("values", [{"log_min_bytes": -1}, {"min_saved_tokens": -1}, {"min_saved_share": float("nan")}])
def test_a_threshold_is_zero_or_more(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        Policy(**values)


def test_a_repeat_must_save_half_the_share_in_every_vocabulary() -> None:
    policy = Policy(min_saved_share=0.3, min_saved_share_assumed=0.6)
    assert [policy.least_share(Kind.LOG, assumed=assumed) for assumed in (False, True)] == [0.3, 0.6]
    assert [policy.least_share(Kind.REPEAT, assumed=assumed) for assumed in (False, True)] == [0.15, 0.15]


def test_where_caches_are_read_in_steps_more_must_be_saved() -> None:
    policy = Policy(min_saved_tokens=10)
    assert [policy.least_tokens(assumed=assumed) for assumed in (False, True)] == [20, 10]
