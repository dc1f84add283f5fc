"""Hostile manifests: each made from a good one, none of which may be taken for a snapshot."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

__all__ = ["hostile_manifests"]

Fields = dict[str, Any]

HUGE: Final = 10**400
SUM: Final[Fields] = {"bytes": 3, "sha256": "0" * 64}
OUTSIDE: Final = (
    *("../../etc/passwd", "/etc/passwd", "..", ".", "", "column-../x.npy", "column-a/b.npy"),
    *("column-A.npy", "column-.npy", "column-a.npy\n", "column-a.npy.", f"column-{'a' * 33}.npy"),
    *(
        "display.bin\0",
        "CARDS.BIN",
        "manifest.json",
        "live",
        "display.bin/",
        "./display.bin",
        "x" * 5000,
    ),
    *("column-\N{CYRILLIC SMALL LETTER A}.npy", "\N{FULLWIDTH FULL STOP}./x", "\ud800"),
)
WRONG: Final[dict[str, tuple[object, ...]]] = {
    "format": (None, 0, 3, 1_000, -1, 1.0, 4.0, True, "1", "3", [1], {}, HUGE),
    "rows": (None, -1, 0, 1, 11, 13, 12.0, True, "12", [], 2**31 - 1, 2**31, 2**63, HUGE),
    "dim": (None, -1, 0, 1, 7, 9, 8.0, True, "8", [], 2**16, 2**16 + 1, 2**63, HUGE),
    "model": (None, 1, 1.5, True, [], {}),
    "analyzer": (None, 1, 1.5, True, [], {}),
    "epoch": (None, 1, 1.5, True, [], {}),
    "change": (None, -1, 2.0, True, "2", [], 10**12, 2**63, HUGE),
    "ivf_lists": (None, -1, 1.0, True, "1", [], 3, 2**20, 2**20 + 1, HUGE),
    "ivf_probes": (None, -1, 1.0, True, "1", [], 2**20, 2**20 + 1, HUGE),
    "recall": (None, -0.1, 1.1, 1, True, "1", [], HUGE),
    "grouped_by": (None, 1, True, [], {}, "absent", "../x", "language ", "LANGUAGE"),
    "reliable_by": (None, 1, True, [], {}, "absent", "../x", "language"),
    "centred": (None, 0, 1, 1.0, "true", "", [], {}),
    "background": (None, 1, "x", [], [1], {"": None}, {"": {}}, {"": []}, {"": 1}),
    "notes": (None, 1, "x", [], [1], {"a": None}, {"a": 1}, {"a": []}),
    "files": (None, 1, "x", [], {}, [1], {"display.bin": SUM}),
}
WRONG_SUMS: Final[tuple[object, ...]] = (
    *(None, 1, "x", [], {}, {"bytes": 3}, {"sha256": "0" * 64}, SUM | {"more": 1}),
    *(SUM | {"bytes": wrong} for wrong in (None, -1, 3.0, True, "3", 2**62, 2**62 + 1, HUGE)),
    *(SUM | {"sha256": wrong} for wrong in (None, 1, "", "0" * 63, "A" * 64, "g" * 64, "0" * 65)),
)
WRONG_FLOORS: Final[tuple[Fields, ...]] = (
    *({"rows": wrong} for wrong in (None, -1, 2**31, 1.0, True, HUGE)),
    *({"similarity": wrong} for wrong in (None, 1, -1.1, 1.1, "0", True)),
    *({"lexical": wrong} for wrong in (None, 1, -0.1, 1.1, "0", True)),
    *({"passages": wrong} for wrong in (None, 1, -1.1, 1.1, "0", True)),
    {"more": 1},
)


def hostile_manifests(good: bytes) -> Iterator[tuple[str, bytes]]:
    """Each with a name that says what is wrong with it."""
    yield from _wrong_fields(good)
    yield from _wrong_files(good)
    yield from _wrong_background(good)
    yield from _wrong_bytes(good)


def canonical(fields: Fields) -> bytes:
    """The form a manifest has on disk, so that it is refused for what it says alone."""
    return json.dumps(fields, sort_keys=True, indent=2).encode() + b"\n"


def _with_files(good: bytes, files: Mapping[str, object]) -> bytes:
    fields: Fields = json.loads(good)
    return canonical(fields | {"files": files})


def _wrong_fields(good: bytes) -> Iterator[tuple[str, bytes]]:
    fields: Fields = json.loads(good)
    assert fields.keys() == WRONG.keys(), "name the manifest's new fields here"
    for name, values in WRONG.items():
        yield f"without {name}", canonical({k: v for k, v in fields.items() if k != name})
        for value in values:
            yield f"{name} = {value!r:.40}", canonical(fields | {name: value})
    yield "unknown field", canonical(fields | {"more": 1})
    for number in (b"NaN", b"Infinity", b"-Infinity", b"1e999", b"-0", b"9" * 5000):
        text = canonical(fields | {"recall": "HERE"}).replace(b'"HERE"', number)
        yield f"recall = {number.decode():.12}", text


def _wrong_files(good: bytes) -> Iterator[tuple[str, bytes]]:
    files: Fields = json.loads(good)["files"]
    for name in sorted(files):
        yield f"file {name} unnamed", _with_files(good, {n: files[n] for n in files if n != name})
    for name in (*OUTSIDE, "column-absent.npy"):
        yield f"file {name!r:.40}", _with_files(good, files | {name: SUM})
    for wrong in WRONG_SUMS:
        yield f"sum {wrong!r:.60}", _with_files(good, files | {"display.bin": wrong})
    swapped = {"display.bin": files["ids.bin"], "ids.bin": files["display.bin"]}
    yield "two sums swapped", _with_files(good, files | swapped)


def _wrong_background(good: bytes) -> Iterator[tuple[str, bytes]]:
    fields: Fields = json.loads(good)
    background: Fields = {"rows": 12, "similarity": 0.0, "lexical": 0.0, "passages": 0.0}
    for wrong in WRONG_FLOORS:
        yield (
            f"background {wrong!r:.60}",
            canonical(fields | {"background": {"": background | wrong}}),
        )
    for name in background:
        less = {key: value for key, value in background.items() if key != name}
        yield f"background without {name}", canonical(fields | {"background": {"": less}})


def _wrong_bytes(good: bytes) -> Iterator[tuple[str, bytes]]:
    fields: Fields = json.loads(good)
    text = good.decode()
    said = b'"format": %d' % fields["format"]
    yield from {
        "empty": b"",
        "one newline": b"\n",
        "null": b"null\n",
        "a number": b"1\n",
        "a string": b'"x"\n',
        "a list": b"[]\n",
        "an empty object": b"{}\n",
        "a list around it": b"[" + good.strip() + b"]\n",
        "twice": good + good,
        "deep lists": b"[" * 200_000,
        "deep objects": b'{"a":' * 200_000,
        "deep value": canonical(fields | {"background": 0}).replace(b'"background": 0', _deep()),
        "doubled key": good.replace(said, b'"format": 0,\n  ' + said),
        "doubled key, last wrong": good.replace(said, said + b',\n  "format": 0'),
        "doubled file": good.replace(
            b'"display.bin": {', b'"display.bin": {},\n    "display.bin": {'
        ),
        "compact": json.dumps(fields, sort_keys=True).encode() + b"\n",
        "unsorted": json.dumps(dict(reversed(fields.items())), indent=2).encode() + b"\n",
        "no newline": good[:-1],
        "two newlines": good + b"\n",
        "leading space": b" " + good,
        "CRLF": good.replace(b"\n", b"\r\n"),
        "BOM": b"\xef\xbb\xbf" + good,
        "UTF-16": text.encode("utf-16"),
        "UTF-32": text.encode("utf-32"),
        "not UTF-8": good.replace(b'"mini@1"', b'"\xff\xfe"'),
        "NUL": good + b"\0",
        "escaped letter": good.replace(b'"format"', b'"\\u0066ormat"'),
        "a comment": good.replace(b"{", b"{ // all is well", 1),
        "a number as 1e0": good.replace(said, said + b"e0"),
        "two megabytes": good + b" " * (2 << 20),
        "two megabytes of key": canonical(fields | {"x" * (2 << 20): 1}),
        "random bytes": bytes(range(256)) * 8,
    }.items()


def _deep() -> bytes:
    return b'"background": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000
