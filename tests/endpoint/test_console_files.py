"""Files that are sent in the first steps: in pieces, by administrators, each its own."""

import json
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from recommender.operations.console_jobs import WORK, JobDone, JobMeter, do_jobs
from recommender.settings import Settings
from recommender.sources.format_detection import NOT_IN_FILES
from recommender.sources.uploads import MOST_BYTES, MOST_OPEN, PIECE, Upload, Uploads
from recommender.store import ArticleStore, Job, open_store
from recommender.web.console.page import LANGUAGE_COOKIE
from recommender.web.console.words import LANGUAGES, words_of
from tests.support.signed_in import SignedIn


@pytest.fixture
def admin(client_of: Callable[..., FlaskClient], own_desk: Settings, chief_key: str) -> SignedIn:
    client = client_of(own_desk, None)
    client.application.extensions["read-also"].keyring.refresh()
    return SignedIn(client, chief_key)


def begin(browser: SignedIn, content: bytes, name: str = "stories.jsonl") -> TestResponse:
    sent: dict[str, Any] = {"name": name, "size": len(content), "modified": "17"}
    return browser.post("/files", **sent)


def piece(browser: SignedIn, upload: str, at: int, content: bytes) -> TestResponse:
    headers = {"X-Part": "1", "X-Form-Token": browser.token}
    address = f"/console/files/{upload}/pieces/{at}"
    return browser.client.post(address, data=content, headers=headers)


def send(browser: SignedIn, content: bytes, name: str = "stories.jsonl") -> str:
    """Send a whole file and ask for its import; its id."""
    begun = begin(browser, content, name).get_json()
    for at in range(0, len(content), PIECE):
        answer = piece(browser, begun["id"], at, content[at : at + PIECE])
        assert answer.get_json()["received"] == min(at + PIECE, len(content))
    assert browser.post(f"/files/{begun['id']}/read").status_code == 200
    return str(begun["id"])


def lines(count: int) -> bytes:
    stories = ({"id": f"sent-{n}", "title": f"The bridge {n}", "body": "b"} for n in range(count))
    return "\n".join(map(json.dumps, stories)).encode()


def test_a_file_is_sent_in_pieces_and_read_in(admin: SignedIn, own_desk: Settings) -> None:
    content = lines(2) + b" " * (2 * PIECE)
    send(admin, content, "news & views.jsonl")
    page = admin.get("/start", part=True).text
    assert "news &amp; views.jsonl" in page
    assert do_jobs(own_desk) == 0
    with closing(open_store(own_desk.database_url)) as store:
        assert set(store.get_many(["sent-0", "sent-1"])) == {"sent-0", "sent-1"}
        job = store.jobs.newest()[0]
    assert (job.kind, job.subject, job.state) == ("file", "news & views.jsonl", "done")
    assert job.step == "2 created, 0 updated, 0 unchanged, 0 rejected"
    assert "chief: Anna" in admin.get("/start", part=True).text
    assert Uploads(own_desk.data.uploads).all() == []


def test_it_is_said_whether_a_file_is_looked_through_or_its_stories_are_stored(
    admin: SignedIn, own_desk: Settings
) -> None:
    """The first takes much less, so the time that it leaves is not that of the second."""
    send(admin, lines(1))
    with closing(open_store(own_desk.database_url)) as store:
        job = store.jobs.next()
        assert job is not None
        assert store.jobs.begin(job)
        store.jobs.note(job.number, "stories.jsonl: looking through it", 5, 10, is_new=True)
        assert "looking through it first · 50 %" in admin.get("/start", part=True).text
        store.jobs.note(job.number, "stories.jsonl", 2, 10, is_new=True)
        assert "its stories are being stored · 20 %" in admin.get("/health", part=True).text


def test_what_is_refused_has_its_line_and_its_field_and_no_path(
    admin: SignedIn, own_desk: Settings, secrets: dict[str, str]
) -> None:
    editor = SignedIn(admin.client.application.test_client(), secrets["editor"])
    send(admin, lines(1) + b'\n{"id": "sent-9", "title": "t", "url": "no address"}')
    assert do_jobs(own_desk) == 0
    for browser in (admin, editor):  # whoever may see jobs may see what was refused
        page = browser.get("/start", part=True).text
        assert "stories.jsonl:2: " in page
        assert "/url: must be an absolute http or https address" in page
        assert str(own_desk.data.path) not in page


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "1 new story · 2 refused · 1 left out"),
        ("ru", "1 новый материал · не принято: 2 · пропущено: 1"),
        ("tg", "1 маводи нав · 2 қабул нашуд · 1 партофта шуд"),
    ],
)
def test_what_came_of_a_file_is_counted_in_the_language_of_the_page(
    admin: SignedIn, own_desk: Settings, language: str, expected: str
) -> None:
    send(admin, b"\n".join([lines(1), lines(1), b"{}", b"[]"]))
    assert do_jobs(own_desk) == 0
    admin.client.set_cookie(LANGUAGE_COOKIE, language)
    for path in ("/start", "/health"):
        page = admin.get(path, part=True).text
        assert expected in page
        assert "created" not in page
        assert "left out: 1 repeated" in page  # in the words of the importer


def test_a_file_of_which_nothing_can_be_read_says_why(admin: SignedIn, own_desk: Settings) -> None:
    send(admin, b"Dear editors\nplease find the archive in the other mail\n", "letter.txt")
    assert do_jobs(own_desk) == 1
    with closing(open_store(own_desk.database_url)) as store:
        job = store.jobs.newest()[0]
    assert job.state == "failed"
    assert job.fault == "nothing in it can be read"
    assert "letter.txt:1: " in job.notes
    assert str(own_desk.data.path) not in job.notes
    assert Uploads(own_desk.data.uploads).all() == []


def test_a_file_of_another_kind_is_refused_at_once(admin: SignedIn) -> None:
    begun = begin(admin, b"PK\x03\x04 a workbook", "archive.xlsx").get_json()
    answer = piece(admin, begun["id"], 0, b"PK\x03\x04 a workbook")
    assert answer.status_code == 400
    assert "save the sheet of a workbook as CSV" in answer.get_json()["detail"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_refused_is_said_in_the_language_of_the_page(
    admin: SignedIn, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    admin.client.set_cookie(LANGUAGE_COOKIE, language, path="/console")
    words = words_of("start", language)
    heads = {kind: begin(admin, b" " * 9, kind).get_json()["id"] for kind in NOT_IN_FILES}
    detect = "recommender.sources.uploads.detect_format"
    for kind, upload in heads.items():
        monkeypatch.setattr(detect, lambda _, kind=kind: kind)
        said = piece(admin, upload, 0, b" " * 9).get_json()["detail"]
        assert said == words[f"refused_{kind}"].format(name=kind)
        answer = piece(admin, upload, 0, b" " * 9)
        assert (answer.status_code, answer.get_json()["detail"]) == (404, words["refused_gone"])
    too_large = admin.post("/files", name="a", size=str(MOST_BYTES + 1), modified="")
    assert too_large.get_json()["detail"] == words["refused_large"].format(most=4)
    assert begin(admin, b"").get_json()["detail"] == words["refused_empty"]
    begun = begin(admin, b" " * 9).get_json()["id"]
    cut_off = admin.post(f"/files/{begun}/read").get_json()["detail"]
    assert cut_off == words["refused_cut_off"]
    for number in range(1, MOST_OPEN):
        begin(admin, b" " * 9, str(number))
    many = begin(admin, b" " * 9, "one more").get_json()["detail"]
    assert many == words["refused_many"].format(most=MOST_OPEN)


def test_a_lost_answer_and_a_reload_go_on_where_the_file_was(
    admin: SignedIn, own_desk: Settings
) -> None:
    content = lines(1) + b" " * PIECE
    begun = begin(admin, content).get_json()
    assert piece(admin, begun["id"], 0, content[:PIECE]).status_code == 200
    assert piece(admin, begun["id"], 0, content[:PIECE]).status_code == 409
    page = admin.get("/start").text
    assert "Choose the same file again" in page
    again = begin(admin, content).get_json()
    assert (again["id"], again["received"]) == (begun["id"], PIECE)
    assert admin.post(f"/files/{begun['id']}/read").status_code == 409  # not all has arrived
    assert piece(admin, begun["id"], PIECE, content[PIECE:]).status_code == 200
    assert Uploads(own_desk.data.uploads).path_of(begun["id"]).read_bytes() == content


def test_a_piece_that_breaks_off_is_not_kept(admin: SignedIn, own_desk: Settings) -> None:
    begun = begin(admin, lines(9)).get_json()
    headers = {"X-Part": "1", "X-Form-Token": admin.token}
    broken = admin.client.post(
        f"/console/files/{begun['id']}/pieces/0",
        data=lines(9)[:40],
        headers=headers,
        environ_overrides={"CONTENT_LENGTH": "90"},
    )
    assert broken.status_code == 400
    assert Uploads(own_desk.data.uploads).all()[0].received == 0


def test_a_piece_of_a_file_that_was_removed_meanwhile_is_not_found(
    admin: SignedIn, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = begin(admin, lines(1)).get_json()

    def find(uploads: Uploads, upload_id: str, owner: str) -> Upload | None:
        found = find_before(uploads, upload_id, owner)
        uploads.drop(upload_id)
        return found

    find_before = Uploads.find
    monkeypatch.setattr(Uploads, "find", find)
    assert piece(admin, begun["id"], 0, lines(1)).status_code == 404
    assert Uploads(own_desk.data.uploads).all() == []


def test_a_piece_that_is_too_large_is_refused(admin: SignedIn) -> None:
    begun = begin(admin, b" " * (2 * PIECE)).get_json()
    assert piece(admin, begun["id"], 0, b" " * (PIECE + 1)).status_code == 413


def test_the_file_of_somebody_else_is_not_found(admin: SignedIn, chief_key: str) -> None:
    begun = begin(admin, lines(1), "hers.jsonl").get_json()
    other = SignedIn(admin.client.application.test_client(), chief_key, "Boris")
    assert piece(other, begun["id"], 0, lines(1)).status_code == 404
    for what in ("read", "forget"):
        assert other.post(f"/files/{begun['id']}/{what}").status_code == 404
    assert "hers.jsonl" in admin.get("/start").text
    assert "hers.jsonl" not in other.get("/start").text
    assert begin(other, lines(1), "hers.jsonl").get_json()["id"] != begun["id"]


def test_a_file_goes_on_after_a_new_sign_in(admin: SignedIn, chief_key: str) -> None:
    content = lines(1) + b" " * PIECE
    begun = begin(admin, content).get_json()
    assert piece(admin, begun["id"], 0, content[:PIECE]).status_code == 200
    again = SignedIn(admin.client.application.test_client(), chief_key)
    assert "stories.jsonl" in again.get("/start").text
    assert begin(again, content).get_json() == begun | {"received": PIECE}
    assert again.post(f"/files/{begun['id']}/forget").status_code == 204


def test_files_of_a_key_that_is_gone_block_no_others(admin: SignedIn, own_desk: Settings) -> None:
    uploads = Uploads(own_desk.data.uploads)
    for number in range(MOST_OPEN):
        uploads.begin("gone: Clara", str(number), 9, "1")
    begun = begin(admin, lines(1)).get_json()
    assert [one.id for one in uploads.all()] == [begun["id"]]


def test_files_that_others_can_go_on_with_stay(admin: SignedIn, chief_key: str) -> None:
    other = SignedIn(admin.client.application.test_client(), chief_key, "Boris")
    for number in range(MOST_OPEN):
        assert begin(other, lines(1), str(number)).status_code == 200
    assert begin(admin, lines(1)).status_code == 400


def test_an_editor_sends_no_file(client: FlaskClient, secrets: dict[str, str]) -> None:
    editor = SignedIn(client, secrets["editor"])
    assert begin(editor, lines(1)).status_code == 403
    page = editor.get("/start").text
    assert "data-upload" not in page
    assert "key of an administrator" in page


@pytest.mark.parametrize("name", ["../../evil.jsonl", "/etc/passwd", "<script>alert(1)</script>"])
def test_a_hostile_name_is_only_text(admin: SignedIn, own_desk: Settings, name: str) -> None:
    send(admin, lines(1), name)
    found = sorted(path.name for path in own_desk.data.uploads.iterdir())
    assert found == [one.id for one in Uploads(own_desk.data.uploads).all()]
    assert "<script>alert" not in admin.get("/start", part=True).text
    assert do_jobs(own_desk) == 0


@pytest.mark.parametrize("size", ["", "-1", "0", "x", "9" * 17, "9" * 30])
def test_a_size_that_is_none_is_refused(admin: SignedIn, size: str) -> None:
    assert admin.post("/files", name="a", size=size, modified="").status_code == 400


def test_a_file_can_be_forgotten_until_it_is_read(admin: SignedIn, own_desk: Settings) -> None:
    begun = begin(admin, lines(1)).get_json()
    assert admin.post(f"/files/{begun['id']}/forget").status_code == 204
    assert Uploads(own_desk.data.uploads).all() == []
    upload = send(admin, lines(1))
    assert admin.post(f"/files/{upload}/forget").status_code == 409


def test_a_file_that_is_asked_for_twice_is_read_once(admin: SignedIn, own_desk: Settings) -> None:
    """The answer to the first was lost on its way."""
    upload = send(admin, lines(1))
    assert admin.post(f"/files/{upload}/read").status_code == 200
    assert do_jobs(own_desk) == 0
    with closing(open_store(own_desk.database_url)) as store:
        assert [job.state for job in store.jobs.newest()] == ["done"]
    assert admin.post(f"/files/{upload}/read").status_code == 404  # it has been read


def test_a_file_that_is_stopped_and_chosen_again_at_once_is_read(
    admin: SignedIn, own_desk: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_file, seen = WORK["file"], []

    def stop_and_choose_again(
        settings: Settings, store: ArticleStore, job: Job, meter: JobMeter
    ) -> JobDone:
        seen.append(job.number)
        if len(seen) == 1:
            admin.post(f"/jobs/{job.number}/stop", part=False)
            again = begin(admin, lines(2)).get_json()
            assert again["received"] == len(lines(2))
            assert admin.post(f"/files/{again['id']}/read").status_code == 200
        return read_file(settings, store, job, meter)

    send(admin, lines(2))
    monkeypatch.setitem(WORK, "file", stop_and_choose_again)
    assert do_jobs(own_desk) == 0
    assert len(seen) == 2
    with closing(open_store(own_desk.database_url)) as store:
        assert set(store.get_many(["sent-0", "sent-1"])) == {"sent-0", "sent-1"}
    assert Uploads(own_desk.data.uploads).all() == []


def test_a_job_that_is_stopped_names_who_stopped_it_and_why(
    admin: SignedIn, own_desk: Settings
) -> None:
    admin.post("/jobs/rebuild", part=False, why="the old model was wrong")
    with closing(open_store(own_desk.database_url)) as store:
        job = store.jobs.next()
    assert job is not None
    reason = "not <b>before</b> the election"
    answer = admin.post(f"/jobs/{job.number}/stop", part=False, why=reason, onward="start")
    assert answer.headers["Location"] == "/console/start"
    page = admin.get("/health", part=True).text
    assert "the old model was wrong" in page
    assert "Stopped by chief: Anna" in page
    assert "not &lt;b&gt;before&lt;/b&gt; the election" in page
    assert admin.post("/jobs/rebuild", why="x" * 501).status_code == 400
