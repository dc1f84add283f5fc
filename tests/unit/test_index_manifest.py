"""Manifest: reads back what it wrote and nothing else."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import BackgroundSimilarity, Manifest, SnapshotDamaged
from index.disk import FileSum
from index.manifest import GENERATION, OPTIONAL, Files, column_file, column_of
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
REQUIRED = [str(name) for name in Files if name not in {Files.MANIFEST, *OPTIONAL}]


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    columns = sorted(draw(st.sets(column_names, max_size=3)))
    lists = draw(st.integers(0, 2**20))
    names = [*REQUIRED, *map(column_file, columns), *([str(Files.IVF)] if lists else [])]
    names += [str(Files.PLACES)] if draw(st.booleans()) else []
    return Manifest(
        format=7,
        rows=draw(st.integers(0, 2**31 - 1)),
        dim=draw(st.integers(1, 2**16)),
        passage_dim=draw(st.integers(1, 2**16)),
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


@given(manifests())
@examples(50)
def test_a_manifest_reads_back_what_it_wrote(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes(), Path("manifest")) == manifest
    assert GENERATION.fullmatch(manifest.generation)


def test_a_generation_is_its_change_number_and_a_piece_of_the_hash() -> None:
    digest = hashlib.sha256(a_manifest().to_bytes()).hexdigest()
    assert a_manifest().generation == f"000000000007-{digest[:12]}"
    assert a_manifest().generation != a_manifest(model="n").generation


def test_a_manifest_keeps_its_own_files_and_notes() -> None:
    files, notes = dict(a_manifest().files), dict(a_manifest().notes)
    manifest = a_manifest(files=files, notes=notes)
    files.clear()
    notes.clear()
    assert manifest == a_manifest()
    for mapping in (manifest.files, manifest.notes, manifest.background):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]


# --- what is refused ---

GOOD = a_manifest().to_bytes()
FIELDS: dict[str, Any] = json.loads(GOOD)
MEDIANS: dict[str, Any] = {"rows": 3, "similarity": 0.1, "lexical": 0.5, "passages": 0.2}


def without(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if key != name}


def encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, indent=2).encode() + b"\n"


OTHER_VALUES: Mapping[str, Any] = {
    "bool for int": {"format": True},
    "float for int": {"rows": 3.0},
    "text for int": {"rows": "3"},
    "negative rows": {"rows": -1},
    "more rows than int32": {"rows": 2**31},
    "no dimension": {"dim": 0},
    "no dimension of passages": {"passage_dim": 0},
    "number for text": {"model": 5},
    "change of 13 digits": {"change": 10**12},
    "huge integer": {"change": 10**400},
    "int for float": {"recall": 1},
    "NaN": {"recall": float("nan")},
    "recall above 1": {"recall": 1.5},
    "background not a mapping": {"background": [1]},
    "background without passages": {"background": {"en": without(MEDIANS, "passages")}},
    "true for a background's rows": {"background": {"": MEDIANS | {"rows": True}}},
    "background of NaN": {"background": {"": MEDIANS | {"similarity": float("nan")}}},
    "negative lexical background": {"background": {"en": MEDIANS | {"lexical": -0.5}}},
    "background of passages below -1": {"background": {"": MEDIANS | {"passages": -1.5}}},
    "groups by a column that is not there": {"grouped_by": "section"},
    "no groups": {"grouped_by": None},
    "reliable by a column that is not there": {"reliable_by": "embedded"},
    "reliable by a file": {"reliable_by": "../language"},
    "1 for true": {"centred": 1},
    "a note that is no text": {"notes": {"encoder": 1}},
    "notes not a mapping": {"notes": ["encoder"]},
    "more probes than lists": {"ivf_probes": 3},
    "lists without probes": {"ivf_probes": 0},
    "no lists but a file of them": {"ivf_lists": 0, "ivf_probes": 0},
    "files not a mapping": {"files": []},
    "unknown field": {"extra": 1},
}
OTHER_FILES = [
    *("../live", "/etc/passwd", "..", ".", "", "manifest.json", "live", "ids.bin\0", "IDS.BIN"),
    *("column-.npy", "column-A.npy", "column-a.npy\n", "column-a/b.npy", "column-../x.npy"),
    *(f"column-{'a' * 33}.npy", "column-\N{CYRILLIC SMALL LETTER A}.npy", "x" * 5_000, "\ud800"),
]
SUM = {"bytes": 1, "sha256": "0" * 64}
OTHER_SUMS: Mapping[str, Any] = {
    "fewer than no bytes": SUM | {"bytes": -1},
    "true for bytes": SUM | {"bytes": True},
    "a short hash": SUM | {"sha256": "0" * 63},
    "a hash in capitals": SUM | {"sha256": "A" * 64},
    "a number for a hash": SUM | {"sha256": 0},
    "no hash": {"bytes": 1},
    "more than a sum": SUM | {"more": 1},
    "a number for a sum": 7,
}


def with_file(name: str, total: Any) -> dict[str, Any]:
    return {"files": FIELDS["files"] | {name: total}}


REFUSED: Mapping[str, Mapping[str, Any]] = {
    **{name: FIELDS | changes for name, changes in OTHER_VALUES.items()},
    **{name: FIELDS | with_file("ids.bin", total) for name, total in OTHER_SUMS.items()},
    **{f"the file {name!r:.20}": FIELDS | with_file(name, SUM) for name in OTHER_FILES},
    **{f"no {name}": FIELDS | {"files": without(FIELDS["files"], name)} for name in REQUIRED},
    **{f"no field {name}": without(FIELDS, name) for name in FIELDS},
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
def test_a_manifest_of_other_fields_is_refused(fields: Mapping[str, Any]) -> None:
    with pytest.raises(SnapshotDamaged):
        Manifest.from_bytes(encoded(fields), Path("manifest"))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (1, "format 1 is of an earlier release (this one writes 7); run: read-also rebuild"),
        (6, "format 6 is of an earlier release (this one writes 7); run: read-also rebuild"),
        (8, "format 8 is of a later release (this one reads 7); install that one, or run: "),
        (0, "not a manifest (field format holds 0)"),
    ],
)
def test_the_format_of_another_release_is_named_whatever_the_other_fields_are(
    number: int, message: str
) -> None:
    others = {"background": {"en": {"rows": 3, "median": 0.5}}, "grown": True}
    for changes in ({}, others) if number else ({},):
        with pytest.raises(SnapshotDamaged) as refusal:
            Manifest.from_bytes(encoded({**FIELDS, **changes, "format": number}), Path("m.json"))
        assert str(refusal.value).startswith(f"m.json: {message}")


OTHER_BYTES = {
    "empty": b"",
    "null": b"null\n",
    "a list around it": b"[" + GOOD.strip() + b"]\n",
    "deep lists": b"[" * 100_000,
    "longer": GOOD + b"\n",
    "shorter": GOOD.rstrip(b"\n"),
    "another space": GOOD.replace(b'"change": 7', b'"change":  7'),
    "doubled field": GOOD.replace(b'"format": 7', b'"format": 7,\n  "format": 7'),
    "doubled file": GOOD.replace(b'"ids.bin": {', b'"ids.bin": {},\n    "ids.bin": {'),
    "escaped letter": GOOD.replace(b'"format"', b'"\\u0066ormat"'),
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "BOM": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "not UTF-8": GOOD.replace(b'"format"', b'"\xff\xfe"'),
}


@pytest.mark.parametrize("data", OTHER_BYTES.values(), ids=OTHER_BYTES.keys())
def test_bytes_that_are_not_canonical_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotDamaged, match=r"^m\.json: "):
        Manifest.from_bytes(data, Path("m.json"))


# --- files of columns ---


@given(column_names)
def test_a_column_is_known_by_its_file(name: str) -> None:
    assert column_of(column_file(name)) == name


@pytest.mark.parametrize("file", [*Files, "column-a.npy.npy", "a", "column-a", "a.npy"])
def test_other_files_hold_no_column(file: str) -> None:
    assert column_of(file) is None
