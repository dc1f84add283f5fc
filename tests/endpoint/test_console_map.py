"""The archive map of the console: its points as bytes, and the stories of a place."""

import json
import struct
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.support.signed_in import SignedIn


@pytest.fixture
def editor(client: FlaskClient, secrets: dict[str, str]) -> SignedIn:
    return SignedIn(client, secrets["editor"])


def unpack(packed: bytes) -> dict[str, Any]:
    """Read points as the script of the page does."""
    (size,) = struct.unpack_from("<I", packed)
    head: dict[str, Any] = json.loads(packed[4 : 4 + size])
    at = 4 + size
    kinds = {"rows": "<i4", "x": "<i2", "y": "<i2", "days": "<u2", "section": "u1", "group": "u1"}
    for name, kind in kinds.items():
        head[name] = np.frombuffer(packed, kind, head["points"], at)
        at += head[name].nbytes
    assert at == len(packed)
    assert size % 4 == 0  # typed arrays begin at whole multiples
    return head


def test_every_story_with_a_vector_is_a_point(editor: SignedIn) -> None:
    view = editor.client.application.extensions["read-also"].follower.current().view
    found = unpack(editor.get("/map/points", part=True).data)
    ids = {view.id_of(row) for row in found["rows"].tolist()}
    embedded = view.snapshot.columns["embedded"]
    assert ids == {view.id_of(row) for row in np.flatnonzero(embedded).tolist()}
    assert len(ids) == found["points"] > 10
    assert sum(group["size"] for group in found["groups"]) == found["points"]
    assert found["group"].max() == len(found["groups"]) - 1
    row = found["rows"].tolist().index(view.row_of("harbour-2"))
    assert found["sections"][found["section"][row]] == view.label_of(
        "section", view.row_of("harbour-2")
    )


def test_points_are_drawn_once_and_asked_for_again_for_nothing(editor: SignedIn) -> None:
    first = editor.get("/map/points")
    again = editor.client.get(
        "/console/map/points", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304
    assert "private" in first.headers["Cache-Control"]


def test_chosen_points_are_listed_the_newest_first(editor: SignedIn) -> None:
    view = editor.client.application.extensions["read-also"].follower.current().view
    rows = [view.row_of(one) for one in ("harbour-2", "harbour-3", "orchard-3")]
    sent = ",".join(map(str, rows))
    generation = view.snapshot.generation
    page = editor.get("/map/stories", part=True, rows=sent, generation=generation).text
    order = sorted(rows, key=lambda row: -view.take("published_at", np.array([row]))[0])
    places = [page.index(f"/console/story/{view.id_of(row)}") for row in order]
    assert places == sorted(places)
    assert "3 stories" in page
    more = editor.get("/map/stories", part=True, rows=sent, generation=generation, total=5000).text
    assert "5000 stories" in more


@pytest.mark.parametrize(
    ("query", "status"),
    [({"generation": "another", "rows": "1"}, 409), ({"rows": "x"}, 400)],
)
def test_rows_of_another_map_are_refused(
    editor: SignedIn, query: dict[str, str], status: int
) -> None:
    view = editor.client.application.extensions["read-also"].follower.current().view
    answer = editor.get(
        "/map/stories", part=True, **{"generation": view.snapshot.generation, **query}
    )
    assert answer.status_code == status


def test_rows_that_do_not_exist_are_left_out(editor: SignedIn) -> None:
    view = editor.client.application.extensions["read-also"].follower.current().view
    page = editor.get("/map/stories", part=True, rows="999999", generation=view.snapshot.generation)
    assert "0 stories" in page.text


def test_a_story_is_drawn_with_its_list(editor: SignedIn) -> None:
    view = editor.client.application.extensions["read-also"].follower.current().view
    rows = editor.get("/map/list/harbour-2", part=True).get_json()["rows"]
    listed = editor.client.application.extensions["read-also"]
    assert view.id_of(rows[0]) == "harbour-2"
    assert len(rows) > 3
    assert listed.follower.current().view.present[rows].all()
    assert editor.get("/map/list/nobody", part=True).status_code == 404


def test_what_came_later_is_counted_and_what_was_withdrawn_is_not_listed(
    client: FlaskClient, secrets: dict[str, str], make_story: Any
) -> None:
    """Rows after the snapshot are numbered by each worker in its own way, so none is drawn."""
    editor = SignedIn(client, secrets["editor"])
    follower = client.application.extensions["read-also"].follower
    view = follower.current().view
    before = unpack(editor.get("/map/points").data)
    row, generation = view.row_of("harbour-2"), view.snapshot.generation
    key = {"X-API-Key": secrets["editor"]}
    for number in range(3):
        story = make_story(f"late-{number}")
        story.pop("id", None)
        client.put(f"/v1/articles/late-{number}", json=story, headers=key)
    client.delete("/v1/articles/harbour-2", headers=key)
    follower.refresh()
    after = unpack(editor.get("/map/points").data)
    assert after["rows"].tolist() == before["rows"].tolist()
    later = int(follower.current().view.present.sum()) - before["points"] + 1
    assert f"{later} stories are not on the map" in editor.get("/map").text
    page = editor.get("/map/stories", part=True, rows=str(row), generation=generation).text
    assert "0 stories" in page
    far = editor.get("/map/stories", part=True, rows="9" * 9, generation=generation)
    assert far.status_code == 200
    digits = editor.get("/map/stories", part=True, rows="9" * 99, generation=generation)
    assert digits.status_code == 400
