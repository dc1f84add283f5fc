"""Lists over a Milvus server are those over a snapshot, and follow the change log as fast.

The server is milvus-lite in a process of its own.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from index import Catalog
from index.milvus import LazyMilvus, Milvus
from recommender.errors import GateRefused
from recommender.indexing.collection_catalog import catalog_over, open_collection
from recommender.indexing.rebuild import rebuild
from recommender.indexing.rollback import roll_back
from recommender.operations.collection_feed import CollectionFeed
from recommender.settings import Settings
from recommender.store import open_store
from tests.support.archives import (
    HARBOUR,
    Document,
    fake_reader,
    fill,
    gauges,
    index_fake,
    run_command,
    story,
)
from tests.support.milvus_servers import MilvusServer
from tests.support.waiting import free_port

pytestmark = pytest.mark.long
QUERIES = (
    *("", "?limit=3", "?limit=40", "?offset=4&limit=4", "?mode=latest", "?mode=background"),
    *("?section=city", "?section=-city", "?tag=port,-trade&limit=8", "?language=any", "?explain=1"),
    *("?max_age=30d", "?min_score=0.4", "?diversity=0.8", "?published_before=2026-10-06"),
    *("?exclude=harbour-2,harbour-3", "?attr.size=10..20", "?attr.size=-10..20&section=city"),
    "?attr.size=10..20," + ",".join(f"{number}..{number}" for number in range(100, 120)),
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MilvusServer]:
    with MilvusServer(tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture
def milvus(server: MilvusServer) -> Iterator[Milvus]:
    """The server, without any collection."""
    milvus = Milvus(server.address)
    for name in milvus.collections():
        milvus.drop(name)
    yield milvus
    milvus.close()


@pytest.fixture
def milvus_clock(_web_clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.web.collection_state.time", _web_clock)
    monkeypatch.setattr("recommender.web.collection_state.LIST_SECONDS", 60.0)


def over_milvus(settings: Settings, server: MilvusServer) -> Settings:
    return replace(settings, milvus=server.address)


def build(settings: Settings) -> str:
    with closing(open_store(settings.database_url)) as store:
        return rebuild(store, catalog_over(settings), fake_reader()).generation


def feed_once(settings: Settings) -> None:
    """Read the queued texts and bring all changes to the collection, as the indexer does."""
    index_fake(settings)
    with closing(open_store(settings.database_url)) as store:
        feed = CollectionFeed(LazyMilvus(settings.milvus), lambda: store)
        while not feed.step():
            pass


def answer(client: FlaskClient, article_id: str, query: str = "") -> tuple[int, object]:
    got = client.get(f"/v1/articles/{article_id}/related{query}")
    document = got.json
    assert isinstance(document, dict)
    document.pop("request_id", None)
    return got.status_code, document


def without_numbers(document: object) -> object:
    """A list without what rounding and the size of a view may change."""
    assert isinstance(document, dict)
    items = [
        {name: value for name, value in item.items() if name not in {"score", "explanation"}}
        for item in document.get("items", [])
    ]
    return {name: value for name, value in document.items() if name != "hint"} | {"items": items}


def is_of(milvus: Milvus, name: str, generation: str) -> bool:
    """Whether a collection is of a generation."""
    return name.startswith(f"{milvus.name_of(generation)}_")


def scores(document: object) -> list[float]:
    assert isinstance(document, dict)
    return [item["score"] for item in document.get("items", [])]


def listed(client: FlaskClient, article_id: str, query: str = "?limit=50") -> list[str]:
    status, document = answer(client, article_id, query)
    assert status == 200
    assert isinstance(document, dict)
    return [item["id"] for item in document["items"]]


@pytest.fixture
def both(
    own_desk: Settings,
    server: MilvusServer,
    milvus: Milvus,
    milvus_clock: None,  # noqa: ARG001 - it sets a clock
    client_of: Callable[..., FlaskClient],
) -> tuple[FlaskClient, FlaskClient, Settings]:
    """Clients over a desk's snapshot, and over the same in Milvus; and the second's settings."""
    assert not milvus.collections()
    sized = [{"attributes": {"size": size}} for size in ([5, 12], 15, 30)]
    fill(own_desk, [story(f"sized-{n}", HARBOUR, **one) for n, one in enumerate(sized)])
    settings = over_milvus(own_desk, server)
    index_fake(settings)
    build(settings)
    return client_of(own_desk, "editor"), client_of(settings, "editor"), settings


def test_every_list_of_the_desk_is_the_same(
    both: tuple[FlaskClient, FlaskClient, Settings], desk_documents: dict[str, Document]
) -> None:
    of_snapshot, of_milvus, _ = both
    some = ("harbour-2", "harbour-ru", "harbour-undated", "orchard-1", "sized-0", "unknown")
    for article_id in (*desk_documents, *some):
        for query in QUERIES if article_id in some else ("",):
            wanted, got = (answer(one, article_id, query) for one in (of_snapshot, of_milvus))
            assert got[0] == wanted[0], (article_id, query)
            assert without_numbers(got[1]) == without_numbers(wanted[1]), (article_id, query)
            assert scores(got[1]) == pytest.approx(scores(wanted[1]), abs=2e-4)


def test_lists_of_several_articles_and_under_pins_are_the_same(
    both: tuple[FlaskClient, FlaskClient, Settings],
) -> None:
    of_snapshot, of_milvus, _ = both
    pins = {"pins": [{"id": "orchard-3"}, {"id": "harbour-9"}]}
    assert of_snapshot.put("/v1/articles/harbour-1/pins", json=pins).status_code == 200
    assert listed(of_milvus, "harbour-1")[:2] == ["orchard-3", "harbour-9"]
    assert listed(of_milvus, "harbour-1") == listed(of_snapshot, "harbour-1")
    for like, unlike in (
        (["harbour-1", "harbour-5"], []),
        (["harbour-2", "orchard-1"], ["harbour-7"]),
        (["orchard-2"], ["orchard-3"]),
    ):
        body = {"like": like, "unlike": unlike, "limit": 10}
        one, other = (client.post("/v1/related", json=body) for client in (of_snapshot, of_milvus))
        assert (one.status_code, one.json) == (other.status_code, other.json), body


def test_what_operators_ask_counts_the_rows_of_the_server(
    both: tuple[FlaskClient, FlaskClient, Settings],
) -> None:
    of_snapshot, of_milvus, _ = both
    one, other = (client.get("/readyz").get_json() for client in (of_snapshot, of_milvus))
    assert other == one
    assert gauges(of_milvus)["articles"] == gauges(of_snapshot)["articles"] == one["articles"]


def test_in_which_lists_an_article_stands_is_not_offered(
    both: tuple[FlaskClient, FlaskClient, Settings],
) -> None:
    _, of_milvus, _ = both
    got = of_milvus.get("/v1/articles/harbour-1/appears-in")
    assert got.status_code == 501
    assert got.content_type == "application/problem+json"


def test_a_change_is_in_the_lists_when_it_was_fed(
    both: tuple[FlaskClient, FlaskClient, Settings],
) -> None:
    of_snapshot, of_milvus, settings = both
    new = story("brand-new", HARBOUR, section="city", published_at="2026-10-19T08:00:00Z")
    of_snapshot.put("/v1/articles/brand-new", json={k: new[k] for k in new if k != "id"})
    feed_once(settings)
    assert "brand-new" in listed(of_milvus, "harbour-1")
    edited = story("harbour-3", HARBOUR, section="city", title="Another headline")
    of_snapshot.put("/v1/articles/harbour-3", json={k: edited[k] for k in edited if k != "id"})
    feed_once(settings)
    for article_id in ("harbour-1", "brand-new", "harbour-3"):
        assert listed(of_milvus, article_id) == listed(of_snapshot, article_id)


def test_what_is_withdrawn_leaves_the_lists_at_once_though_nothing_feeds(
    both: tuple[FlaskClient, FlaskClient, Settings],
) -> None:
    """The indexer, which feeds the collection, does not run here at all."""
    of_snapshot, of_milvus, settings = both
    changes: dict[str, Document | None] = {
        "harbour-4": None,
        "harbour-5": {"status": "withheld"},
        "harbour-6": {"embargoed_until": "2026-11-01T00:00:00Z"},
        "harbour-7": {"expires_at": "2026-10-20T11:00:00Z"},
        "harbour-8": {"never_recommend": True},
    }
    assert changes.keys() <= {*listed(of_milvus, "harbour-1")}
    for article_id, change in changes.items():
        place = f"/v1/articles/{article_id}"
        if change is None:
            status = of_snapshot.delete(place).status_code
        else:
            body = {k: v for k, v in story("", HARBOUR, section="city").items() if k != "id"}
            status = of_snapshot.put(place, json=body | change).status_code
        assert status in {200, 204}
        assert article_id not in listed(of_milvus, "harbour-1")
    feed_once(settings)
    assert changes.keys().isdisjoint(listed(of_milvus, "harbour-1"))
    for article_id in changes:
        assert answer(of_milvus, article_id)[0] == answer(of_snapshot, article_id)[0]


@pytest.mark.parametrize("is_deletion_seen", [True, False])
def test_a_deleted_text_stays_away_when_its_article_is_written_anew(
    both: tuple[FlaskClient, FlaskClient, Settings], *, is_deletion_seen: bool
) -> None:
    """Nothing feeds the collection; a worker may read the log after both writes only."""
    of_snapshot, of_milvus, settings = both
    place = "/v1/articles/harbour-4"
    assert "harbour-4" in listed(of_milvus, "harbour-1")
    assert of_snapshot.delete(place).status_code == 204
    if is_deletion_seen:
        assert "harbour-4" not in listed(of_milvus, "harbour-1")
    anew = story("", HARBOUR, section="city", title="Another text")
    body = {name: anew[name] for name in anew if name != "id"}
    assert of_snapshot.put(place, json=body).status_code == 201
    assert "harbour-4" not in listed(of_milvus, "harbour-1")
    index_fake(settings)  # the new text is read, but its row is not there yet
    assert "harbour-4" not in listed(of_milvus, "harbour-1")
    feed_once(settings)
    _, document = answer(of_milvus, "harbour-1", "?limit=50")
    assert isinstance(document, dict)
    assert [one["title"] for one in document["items"] if one["id"] == "harbour-4"] == [
        "Another text"
    ]


def test_a_hidden_article_is_not_there_for_the_public(
    both: tuple[FlaskClient, FlaskClient, Settings], client_of: Callable[..., FlaskClient]
) -> None:
    *_, settings = both
    public = client_of(replace(settings, public_reads=True), None)
    for hidden in ("harbour-draft", "harbour-embargoed", "unknown"):
        assert public.get(f"/v1/articles/{hidden}/related").status_code == 404
    assert public.get("/v1/articles/harbour-1/related").status_code == 200


def test_a_refused_generation_changes_nothing(
    both: tuple[FlaskClient, FlaskClient, Settings], milvus: Milvus
) -> None:
    of_snapshot, of_milvus, settings = both
    before, names = milvus.live(), milvus.collections()
    for number in range(1, 13):
        of_snapshot.delete(f"/v1/articles/harbour-{number}")
    for number in range(1, 7):
        of_snapshot.delete(f"/v1/articles/orchard-{number}")
    with pytest.raises(GateRefused):
        build(settings)
    assert (milvus.live(), milvus.collections()) == (before, names)
    assert listed(of_milvus, "sized-0")


def test_a_rollback_leads_back_and_the_newest_two_collections_are_kept(
    both: tuple[FlaskClient, FlaskClient, Settings], milvus: Milvus
) -> None:
    of_snapshot, of_milvus, settings = both
    generations = [Catalog(settings.data.snapshots).live()]
    for number in (1, 2):
        fill(settings, [story(f"later-{number}", HARBOUR)])
        index_fake(settings)
        generations.append(build(settings))
        assert is_of(milvus, milvus.live(), generations[-1])
    older, newer = milvus.collections()
    assert is_of(milvus, older, generations[-2])
    assert is_of(milvus, newer, generations[-1])
    open_existing = partial(open_store, settings.database_url)
    roll_back(catalog_over(settings), generations[0], open_existing)
    assert is_of(milvus, milvus.live(), generations[0])
    feed_once(settings)
    assert "later-2" in listed(of_milvus, "harbour-1")
    assert listed(of_milvus, "later-2") == listed(of_snapshot, "later-2")


def test_a_publication_that_ended_half_way_is_made_up_for_by_the_next(
    both: tuple[FlaskClient, FlaskClient, Settings],
    milvus: Milvus,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    *_, settings = both
    fill(settings, [story("later", HARBOUR)])
    index_fake(settings)
    before = Catalog(settings.data.snapshots).live()

    def end(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "publish", end)
        with pytest.raises(OSError, match="the disk is full"):
            build(settings)
    assert Catalog(settings.data.snapshots).live() == before
    assert not is_of(milvus, milvus.live(), before)
    generation = build(settings)
    assert Catalog(settings.data.snapshots).live() == generation != before
    assert is_of(milvus, milvus.live(), generation)


def test_operators_are_told_how_the_server_is(
    both: tuple[FlaskClient, FlaskClient, Settings], milvus: Milvus, bare: Settings
) -> None:
    *_, settings = both
    here = {"MILVUS": settings.milvus}
    done = run_command(settings, "check", "--verbose", **here)
    assert done.exit_code == 0, done.stdout
    assert f"ok collection {milvus.live()}: live, up to change " in done.stdout
    assert "ok refused rows: none" in done.stdout
    assert milvus.live() in run_command(settings, "status", **here).stdout
    open_collection(milvus).note_refused({"harbour-1": "its row is too large"})
    done = run_command(settings, "check", **here)
    assert done.exit_code == 1
    assert "1 articles are too large for it, and in no list: harbour-1 (its row" in done.stdout
    open_store(bare.database_url).close()
    done = run_command(bare, "check", **here)  # another store
    assert done.exit_code == 1
    assert f"fault collection {milvus.live()}: it is of another store" in done.stdout
    assert "the snapshots are" in run_command(settings, "upgrade", **here).stdout
    milvus.drop(milvus.live())
    done = run_command(settings, "check", **here)
    assert done.exit_code == 1
    assert "fault index server: no list can be made: no collection is published" in done.stdout


def test_a_server_that_is_away_is_told_of_and_ends_commands_with_69(own_desk: Settings) -> None:
    nowhere = {"MILVUS": f"http://127.0.0.1:{free_port()}"}
    done = run_command(own_desk, "check", **nowhere)
    assert done.exit_code == 1
    assert "fault index server: no list can be made: the index server does not" in done.stdout
    done = run_command(own_desk, "status", **nowhere)
    assert done.exit_code == 1
    assert "trouble: no list can be made: the index server does not answer" in done.stdout
    for command in ("rebuild", "upgrade"):
        assert run_command(own_desk, command, **nowhere).exit_code == 69


def test_nearly_all_lists_of_the_sample_are_the_same(
    sample_settings: Settings,
    server: MilvusServer,
    milvus: Milvus,
    milvus_clock: None,  # noqa: ARG001 - it sets a clock
    client_of: Callable[..., FlaskClient],
    sample_articles: dict[str, Document],
) -> None:
    """With the real model a score may be at a bound within the rounding of float32."""
    assert not milvus.collections()
    settings = over_milvus(sample_settings, server)
    catalog = catalog_over(settings)
    catalog.flip(catalog.open_live())
    of_snapshot, of_milvus = client_of(sample_settings, "reader"), client_of(settings, "reader")
    pairs = [
        (listed(of_snapshot, article_id, ""), listed(of_milvus, article_id, ""))
        for article_id in sample_articles
    ]
    same = sum(one == other for one, other in pairs)
    assert len(pairs) > 130
    assert same >= len(pairs) - 2


def test_without_the_setting_nothing_loads_the_driver() -> None:
    code = (
        "import sys, service, recommender.cli, recommender.operations.indexer_process;"
        "import recommender.operations.web_server;"
        "print([name for name in sys.modules if 'milvus' in name or name == 'grpc'])"
    )
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout.replace("'", '"')) == []
