"""The archive map: its page, its points as bytes, and the stories of a place on it.

Only rows of the snapshot are drawn: every worker numbers them alike. What came later is counted.
"""

import json
import math
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
from flask import Response, current_app, request
from numpy.typing import NDArray

from index import Snapshot, View
from index.plane import decode_places, draft_places
from recommender.analysis.tokens import count_tokens
from recommender.api import ListOptions
from recommender.articles import Article
from recommender.display_fields import DisplayFields
from recommender.errors import Busy
from recommender.ranking.filters import DAY_SECONDS, newest_first
from recommender.web.auth import heavy_call
from recommender.web.console.access import console, opened
from recommender.web.console.archive_map import ArchiveMap, draw_map, name_groups
from recommender.web.console.page import render_page, render_part
from recommender.web.console.sent_values import find_number
from recommender.web.console.today import StoryLine
from recommender.web.limits import hold_if_free
from recommender.web.problems import Refused
from recommender.web.responses import add_etag
from recommender.web.state import state

__all__ = ["pack_points"]

TITLES_OF_GROUP: Final = 300
MOST_LISTED: Final = 60
MOST_SENT: Final = 1_000
"""A request line has no room for more."""
COMMON_SHARE: Final = 0.15
"""A word of a larger share of all texts names no group."""
MOST_SECTIONS: Final = 12
"""So many sections have a colour of their own; the others share one."""
SCALE: Final = 32_767
OLDEST_DAYS: Final = 65_534
UNDATED: Final = 65_535


@dataclass(slots=True)
class _Drawn:
    """The map of the newest generation that somebody looked at: it takes a second to draw."""

    lock: threading.Semaphore = field(default_factory=threading.Semaphore)
    generation: str = ""
    packed: bytes = b""


def _drawn() -> _Drawn:
    drawn: _Drawn = current_app.extensions.setdefault("read-also-map", _Drawn())
    return drawn


@console.get("/map")
@opened("read")
def show_map() -> Response:
    """The page that draws the map."""
    view = state().follower.current().view
    story = request.args.get("story", "")
    return render_page("map.html", "map", story=story, left_out=_count_left_out(view))


@console.get("/map/points")
@opened("read")
def map_points() -> Response:
    """All points, for the script of the page."""
    view, drawn = state().follower.current().view, _drawn()
    if drawn.generation != view.snapshot.generation:
        with hold_if_free(drawn.lock) as may_draw:
            if not may_draw:
                raise Busy("the map is drawn for somebody else just now")
            with heavy_call():
                drawn.packed, drawn.generation = _pack(view), view.snapshot.generation
    response = Response(drawn.packed, content_type="application/octet-stream")
    response.headers["Cache-Control"] = "private, no-cache"
    return add_etag(response)


@console.get("/map/stories")
@opened("read")
def map_stories() -> Response:
    """The newest of some stories, by their rows on the map."""
    view = state().follower.current().view
    rows = _sent_rows(view)
    newest = newest_first(view, rows)[:MOST_LISTED]
    stories = [StoryLine.of(view, row) for row in newest.tolist()]
    total = max(len(rows), find_number(request.args.get("total", "")) or 0)
    return render_part("map_stories.html", "map", stories=stories, total=total)


@console.get("/map/list/<article_id>")
@opened("read")
def map_list(article_id: str) -> Response:
    """The rows of a story and of its list, to draw them."""
    view = state().follower.current().view
    listing = state().list_for(article_id, ListOptions(), public=False)
    ids = (article_id, *(item.id for item in listing.related.items))
    found = [view.snapshot.row_of(one) for one in ids]
    rows = [-1 if row is None else row for row in found]
    response = Response(json.dumps({"rows": rows}), content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response


def _sent_rows(view: View) -> NDArray[np.int64]:
    """The present rows of the stories that a script asks for; those that are gone are left out."""
    if request.args.get("generation") != view.snapshot.generation:
        raise Refused(409, "the archive was read anew meanwhile; load the map again")
    sent = [one for one in request.args.get("rows", "").split(",") if one][:MOST_SENT]
    drawn = [row for row in map(find_number, sent) if row is not None]
    if len(drawn) < len(sent):
        raise Refused(400, "rows must be whole numbers, joined by commas")
    found = (view.row_of(view.id_of(row)) for row in drawn if row < len(view.snapshot))
    return np.array([row for row in found if row is not None], np.int64)


def _count_left_out(view: View) -> int:
    """How many stories are not on the map: without a usable vector, or newer than the snapshot."""
    drawn = view.snapshot.columns["embedded"]
    old = (view.snapshot.row_of(one) for one, row in view.changed.items() if row is None)
    gone = sum(bool(drawn[row]) for row in old if row is not None)
    return int(view.present.sum()) - int(drawn.sum()) + gone


def _pack(view: View) -> bytes:
    """Draw the map of a view, and write it as bytes."""
    rows = np.flatnonzero(view.snapshot.columns["embedded"])
    drawn = draw_map(rows, _places_of(view.snapshot, rows))
    known: dict[str, int] = {}
    codes = view.map_labels("section", drawn.rows, lambda one: known.setdefault(one, len(known)))
    sections, sections_of = _largest_first(list(known), codes.astype(np.int64))
    names = name_groups(*_titles(view, drawn), rarity=partial(_rarity, view))
    sizes = np.bincount(drawn.groups, minlength=len(names)).tolist()
    head = {
        "generation": view.snapshot.generation,
        "sections": sections,
        "groups": [
            {"name": name, "size": size, "place": place}
            for name, size, place in zip(names, sizes, drawn.centres.tolist(), strict=True)
        ],
    }
    days = (time.time() - view.take("published_at", drawn.rows)) / DAY_SECONDS
    return pack_points(head, drawn, sections_of, days)


def _places_of(snapshot: Snapshot, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Where some rows lie; drafted at once if an earlier release built the snapshot."""
    if snapshot.places is None:
        return decode_places(draft_places(snapshot.vectors.fetch_stored(rows)))
    return decode_places(snapshot.places[rows])


def _rarity(view: View, word: str) -> float:
    """How few texts hold a word, on a logarithmic scale: 1 for one text, 0 for a common word."""
    buckets, _ = count_tokens(Article(id="-", body=word))
    lexicon = view.snapshot.lexicon
    rows = len(lexicon)
    if not len(buckets) or rows < 2:  # noqa: PLR2004 - a logarithm of 1 divides by 0
        return 0.0
    share = max(1, int(lexicon.document_frequency(buckets).max())) / rows
    return 0.0 if share > COMMON_SHARE else math.log(1 / share) / math.log(rows)


def _largest_first(
    sections: list[str], codes: NDArray[np.int64]
) -> tuple[list[str], NDArray[np.int64]]:
    """The largest sections by size, and the place of each story among them; the rest is one."""
    order = np.argsort(-np.bincount(codes, minlength=len(sections)), kind="stable")
    place = np.full(len(sections), MOST_SECTIONS, np.int64)
    largest = order[:MOST_SECTIONS]
    place[largest] = np.arange(len(largest))
    return [sections[code] for code in largest.tolist()], place[codes]


def pack_points(
    head: Mapping[str, object],
    drawn: ArchiveMap,
    sections: NDArray[np.int64],
    days: NDArray[np.float64],
) -> bytes:
    """Write points as bytes, little-endian, for a script that maps typed arrays on them.

    The length of the head as uint32, the head as JSON padded with blanks to a multiple of 4, and
    then of all n points: rows int32, x int16, y int16, age in days uint16 (UNDATED for none),
    section uint8, group uint8.

    Args:
        head: what is said of all points; their number is added.
        drawn: the points.
        sections: [n], each below 256.
        days: [n], NaN for no date; of the future as of today.
    """
    text = json.dumps({**head, "points": len(drawn.rows)}, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 4)
    places = np.rint(drawn.places * SCALE).astype("<i2")
    ages = np.where(np.isnan(days), UNDATED, np.clip(np.nan_to_num(days), 0, OLDEST_DAYS))
    columns = (drawn.rows.astype("<i4"), places[:, 0], places[:, 1], ages.astype("<u2"))
    small = (sections.astype(np.uint8), drawn.groups.astype(np.uint8))
    return struct.pack("<I", len(text)) + text + b"".join(c.tobytes() for c in (*columns, *small))


def _titles(view: View, drawn: ArchiveMap) -> tuple[list[str], NDArray[np.int64]]:
    """Some headlines of each group, and their groups."""
    few = [
        members[:: max(1, len(members) // TITLES_OF_GROUP)][:TITLES_OF_GROUP]
        for group in range(len(drawn.centres))
        for members in [np.flatnonzero(drawn.groups == group)]
    ]
    places = np.concatenate(few) if few else np.empty(0, np.int64)
    rows = drawn.rows[places].tolist()
    titles = [DisplayFields.from_bytes(view.display_of(row)).title for row in rows]
    return titles, drawn.groups[places]
