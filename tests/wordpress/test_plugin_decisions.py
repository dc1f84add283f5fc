"""What the plugin decides without asking anybody: its functions alone, in plain PHP."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.missing_software import skip_or_fail
from tests.wordpress.plugin import PLUGIN

PHP = Path("/usr/bin/php")
SCRIPT = Path(__file__).parent / "php/plain.php"
FOLLOW = """
    $record = ReadAlso\\read_record($given['kept']);
    foreach ($given['calls'] as [$now, $answered]) {
        $record = ReadAlso\\reckon($record, $answered, $now, ...ReadAlso\\PATIENCE[$given['what']]);
        $until[] = $record['until'];
    }
    return $until;"""
"""Until when nobody calls, after each of some calls."""


def run(code: str, **arguments: object) -> Any:
    if not PHP.exists():
        skip_or_fail("no PHP: apt-get install php-cli")
    given = {"plugin": str(PLUGIN), "code": code, "arguments": arguments}
    done = subprocess.run(  # noqa: S603 - a program of the system, words of our own
        [PHP, "-d", "display_errors=stderr", SCRIPT],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return json.loads(done.stdout)


def until(what: str, *calls: tuple[int, bool], kept: str | None = None) -> list[int]:
    said: list[int] = run(FOLLOW, what=what, calls=calls, kept=kept)
    return said


# --- when calling stops ---


def test_a_failure_now_and_then_stops_no_page_from_asking() -> None:
    calls = [(now, now % 100 != 50) for now in range(1_000)]
    assert until("read", *calls) == [0] * 1_000


def test_more_failures_than_answers_stop_calling_for_longer_each_time() -> None:
    early = [(100, False), (100, True), (100, False), (100, False)]
    assert until("read", *early, (100, False)) == [0, 0, 0, 0, 105]
    later = [(105, False), (115, False), (135, False), (165, False)]
    tried = [until("read", call, kept=f"{call[0]} 3 {n} 1")[0] for n, call in enumerate(later, 1)]
    assert tried == [115, 135, 165, 195]


def test_calls_that_began_before_calling_stopped_lengthen_nothing() -> None:
    assert until("read", *[(100, False)] * 9) == [0, 0, *[105] * 7]


def test_one_answer_lets_all_call_again() -> None:
    calls = [(110, True), (110, False), (110, False), (110, False)]
    assert until("read", *calls, kept="140 3 2 1") == [0, 0, 0, 115]


def test_one_failure_stops_saves_from_calling() -> None:
    assert until("write", (100, False), (129, False)) == [130, 130]
    assert until("write", (130, False), kept="160 1 1 1") == [160]


# --- what is taken out of a list ---

LIST = (
    '<section class="read-also"><h2>Read also</h2>\n<ul class="read-also__list">\n'
    '<li class="read-also__item"><a href="https://n.example/a">A</a></li>\n'
    '<li class="read-also__item"><a href="https://n.example/b"><img src="b.png">B</a> '
    '<time>1</time></li>\n<li class="read-also__item">C</li>\n</ul>\n</section>'
)


@pytest.mark.parametrize(
    ("places", "left"),
    [([], "ABC"), ([0], "BC"), ([1], "AC"), ([2], "AB"), ([0, 2], "B"), ([0, 1, 2], "")],
)
def test_an_item_is_taken_out_whole(places: list[int], left: str) -> None:
    shown = run(
        "return ReadAlso\\without_items($given['list'], $given['places']);",
        list=LIST,
        places=places,
    )
    head, *items = LIST.split("<li ")
    kept = {"A": items[0], "B": items[1], "C": items[2].removesuffix("</ul>\n</section>")}
    expected = head + "".join(f"<li {kept[name]}" for name in left) + "</ul>\n</section>"
    assert shown == (expected if left else "")
