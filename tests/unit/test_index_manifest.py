"""Manifest: reads back what it wrote and nothing else."""

from __future__ import annotations

import hashlib
import json
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BackgroundSimilarity, Manifest, SnapshotDamaged
from index.disk import FileSum
from index.manifest import GENERATION, Files, column_file, column_of
from tests.support.index_rows import a_manifest
from tests.support.properties import examples

if TYPE_CHECKING:
    from collections.abc import Mapping

background = st.builds(
    BackgroundSimilarity,
    rows=st.integers(0, 2**31 - 1),
    similarity=st.floats(-1, 1),
    lexical=st.floats(0, 1),
    passages=st.floats(-1, 1),
)
sums = st.builds(
    FileSum,
    bytes=st.integers(0, 2**62),
    sha256=st.binary(min_size=32, max_size=32).map(bytes.hex),
)
column_names = st.from_regex(r"[a-z_]{1,32}", fullmatch=True)


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    names = [str(name) for name in Files if name not in {Files.MANIFEST, Files.IVF}]
    columns = sorted(draw(st.sets(column_names, max_size=3)))
    names += [column_file(name) for name in columns]
    lists = draw(st.integers(0, 2**20))
    if lists:
        names.append(str(Files.IVF))
    return Manifest(
        format=4,
        rows=draw(st.integers(0, 2**31 - 1)),
        dim=draw(st.integers(1, 2**16)),
        model=draw(st.text()),
        analyzer=draw(st.text()),
        epoch=draw(st.text()),
        change=draw(st.integers(0, 10**12 - 1)),
        ivf_lists=lists,
        ivf_probes=draw(st.integers(min(lists, 1), lists)),
        recall=draw(st.floats(0, 1)),
        grouped_by=draw(st.sampled_from(["", *columns])),
        reliable_by=draw(st.sampled_from(["", *columns])),
        centred=draw(st.booleans()),
        background=draw(st.dictionaries(st.text(), background, max_size=3)),
        notes=draw(st.dictionaries(st.text(), st.text(), max_size=3)),
        files={name: draw(sums) for name in names},
    )


def encoded(fields: object) -> bytes:
    return json.dumps(fields, sort_keys=True, indent=2).encode() + b"\n"


@given(manifests())
@examples(50)
def test_a_manifest_reads_back_what_it_wrote(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes(), Path("manifest")) == manifest


@given(manifests())
@examples(50)
def test_a_generation_is_named_in_the_closed_grammar(manifest: Manifest) -> None:
    name = manifest.generation
    assert GENERATION.fullmatch(name)
    assert int(name[:12]) == manifest.change


def test_a_generation_is_its_change_number_and_a_piece_of_the_hash() -> None:
    digest = hashlib.sha256(a_manifest().to_bytes()).hexdigest()
    assert a_manifest().generation == f"000000000007-{digest[:12]}"
    assert a_manifest().generation != a_manifest(model="n").generation


@given(st.binary(max_size=200))
def test_bytes_that_are_no_manifest_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotDamaged, match="manifest"):
        Manifest.from_bytes(data, Path("manifest"))


MEDIANS: dict[str, Any] = {"rows": 3, "similarity": 0.1, "lexical": 0.5, "passages": 0.2}

HOSTILE: Mapping[str, Any] = {
    "the format before": {"format": 3},
    "unknown format": {"format": 5},
    "bool for int": {"format": True},
    "float for int": {"rows": 3.0},
    "text for int": {"rows": "3"},
    "negative rows": {"rows": -1},
    "more rows than int32": {"rows": 2**31},
    "no dimension": {"dim": 0},
    "number for text": {"model": 5},
    "no model": {"model": None},
    "change of 13 digits": {"change": 10**12},
    "huge integer": {"change": 10**400},
    "int for float": {"recall": 1},
    "NaN": {"recall": float("nan")},
    "infinite": {"recall": float("inf")},
    "negative lexical background": {"background": {"en": MEDIANS | {"lexical": -0.5}}},
    "background without rows": {
        "background": {"en": {k: v for k, v in MEDIANS.items() if k != "rows"}}
    },
    "background without passages": {
        "background": {"en": {k: MEDIANS[k] for k in list(MEDIANS)[:3]}}
    },
    "background of NaN": {"background": {"": MEDIANS | {"similarity": float("nan")}}},
    "background of passages below -1": {"background": {"": MEDIANS | {"passages": -1.5}}},
    "true for a background's rows": {"background": {"": MEDIANS | {"rows": True}}},
    "groups by a column that is not there": {"grouped_by": "section"},
    "known by a column that is not there": {"reliable_by": "embedded"},
    "known by a file": {"reliable_by": "../language"},
    "no groups": {"grouped_by": None},
    "1 for true": {"centred": 1},
    "background not a mapping": {"background": [1]},
    "a note that is no text": {"notes": {"encoder": 1}},
    "a note of nothing": {"notes": {"encoder": None}},
    "notes not a mapping": {"notes": ["encoder"]},
    "recall above 1": {"recall": 1.5},
    "more probes than lists": {"ivf_probes": 3},
    "lists without probes": {"ivf_probes": 0},
    "no lists but a file of them": {"ivf_lists": 0, "ivf_probes": 0},
    "files not a mapping": {"files": []},
    "unknown field": {"extra": 1},
}


@pytest.mark.parametrize("changes", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_field_is_refused(changes: dict[str, Any]) -> None:
    fields = json.loads(a_manifest().to_bytes())
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(encoded(fields | changes), Path("manifest"))


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (1, "format 1 is of an earlier release (this one writes 4); run: read-also rebuild"),
        (3, "format 3 is of an earlier release (this one writes 4); run: read-also rebuild"),
        (5, "format 5 is of a later release (this one reads 4); install that one, or run: "),
        (0, "not a manifest (field format holds 0)"),
    ],
)
def test_the_format_of_another_release_is_told_whatever_else_there_is(
    number: int, told: str
) -> None:
    fields = json.loads(a_manifest().to_bytes())
    others = {"background": {"en": {"rows": 3, "median": 0.5}}, "grown": True}
    for changes in ({}, others) if number else ({},):
        with pytest.raises(SnapshotDamaged) as refusal:
            Manifest.from_bytes(encoded(fields | changes | {"format": number}), Path("m.json"))
        assert str(refusal.value).startswith(f"m.json: {told}")


@pytest.mark.parametrize("field", json.loads(a_manifest().to_bytes()))
def test_a_missing_field_is_refused(field: str) -> None:
    fields = json.loads(a_manifest().to_bytes())
    del fields[field]
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(encoded(fields), Path("manifest"))


@pytest.mark.parametrize(
    "name",
    [
        *("../live", "../../etc/passwd", "/etc/passwd", "..", ".", "", "manifest.json", "live"),
        *("column-.npy", "column-A.npy", "column-a.npy\n", "column-a.npy.", "column-a/b.npy"),
        *("column-../x.npy", f"column-{'a' * 33}.npy", "ids.bin\0", "IDS.BIN", "./ids.bin"),
        *("ids.bin/", "x" * 5_000, "column-\N{CYRILLIC SMALL LETTER A}.npy", "\ud800"),
    ],
    ids=lambda name: f"{name!r:.20}",
)
def test_a_file_outside_the_closed_set_is_refused(name: str) -> None:
    fields = json.loads(a_manifest().to_bytes())
    fields["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(encoded(fields), Path("manifest"))


@pytest.mark.parametrize(
    "total",
    [
        {"bytes": -1, "sha256": "0" * 64},
        {"bytes": True, "sha256": "0" * 64},
        {"bytes": 1, "sha256": "0" * 63},
        {"bytes": 1, "sha256": "A" * 64},
        {"bytes": 1, "sha256": 0},
        {"bytes": 1},
        {"bytes": 1, "sha256": "0" * 64, "more": 1},
        7,
    ],
    ids=repr,
)
def test_a_hostile_sum_is_refused(total: object) -> None:
    fields = json.loads(a_manifest().to_bytes())
    fields["files"]["ids.bin"] = total
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(encoded(fields), Path("manifest"))


@pytest.mark.parametrize("name", [n for n in Files if n not in {Files.MANIFEST, Files.IVF}])
def test_a_manifest_that_omits_a_required_file_is_refused(name: str) -> None:
    fields = json.loads(a_manifest().to_bytes())
    del fields["files"][name]
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(encoded(fields), Path("manifest"))


GOOD = a_manifest().to_bytes()
FORMAT = b'"format": %d' % a_manifest().format
OTHER_BYTES = {
    "longer": GOOD + b"\n",
    "shorter": GOOD.rstrip(b"\n"),
    "twice": GOOD + GOOD,
    "empty": b"",
    "null": b"null\n",
    "a number": b"1\n",
    "a list around it": b"[" + GOOD.strip() + b"]\n",
    "deep lists": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "doubled field": GOOD.replace(FORMAT, FORMAT + b",\n  " + FORMAT),
    "doubled field, the last one wrong": GOOD.replace(FORMAT, FORMAT + b',\n  "format": 0'),
    "doubled file": GOOD.replace(b'"ids.bin": {', b'"ids.bin": {},\n    "ids.bin": {'),
    "another space": GOOD.replace(b'"change": 7', b'"change":  7'),
    "leading space": b" " + GOOD,
    "compact": json.dumps(json.loads(GOOD), sort_keys=True).encode() + b"\n",
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "BOM": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-32": GOOD.decode().encode("utf-32"),
    "not UTF-8": GOOD.replace(b'"format"', b'"\xff\xfe"'),
    "NUL": GOOD + b"\0",
    "escaped letter": GOOD.replace(b'"format"', b'"\\u0066ormat"'),
    "a comment": GOOD.replace(b"{", b"{ // all is well", 1),
    "a number as 4e0": GOOD.replace(FORMAT, FORMAT + b"e0"),
    "two megabytes": GOOD + b" " * (2 << 20),
}


@pytest.mark.parametrize("data", OTHER_BYTES.values(), ids=OTHER_BYTES.keys())
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(data, Path("manifest"))


def test_a_manifest_is_frozen_with_its_files_and_notes() -> None:
    files, notes = dict(a_manifest().files), dict(a_manifest().notes)
    manifest = a_manifest(files=files, notes=notes)
    files.clear()
    notes.clear()
    assert manifest == a_manifest()
    with pytest.raises(FrozenInstanceError):
        manifest.rows = 4  # type: ignore[misc]
    with pytest.raises(TypeError):
        manifest.files["x"] = FileSum(0, "0" * 64)  # type: ignore[index]
    with pytest.raises(TypeError):
        manifest.notes["x"] = "y"  # type: ignore[index]


@given(column_names)
def test_a_column_is_known_by_its_file(name: str) -> None:
    assert column_of(column_file(name)) == name


@pytest.mark.parametrize("file", [*Files, "column-a.npy.npy", "a", "column-a", "a.npy"])
def test_other_files_hold_no_column(file: str) -> None:
    assert column_of(file) is None
