"""The first steps in a browser: a file is sent in pieces, also over a line that breaks."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from recommender.api_keys import ApiKey
from recommender.operations.console_jobs import do_jobs
from recommender.settings import Settings
from recommender.sources.uploads import PIECE, Uploads
from recommender.store import open_store
from service import create_app
from tests.browser.conftest import served

pytestmark = pytest.mark.long

Tabs = Callable[..., Any]
SECRET = "write-0123456789abcdef"  # noqa: S105 - of an archive that lives for a minute
PIECES = "**/pieces/**"


@dataclass(frozen=True)
class Desk:
    """An empty archive, and the address of its service."""

    settings: Settings
    address: str


@pytest.fixture
def desk(bare: Settings) -> Iterator[Desk]:
    key = ApiKey.of("chief", {"read", "write", "admin"}, SECRET)
    app = create_app(replace(bare, api_keys=(key,)), follows=False)
    app.extensions["read-also"].follower.refresh()
    with served(app) as address:
        yield Desk(bare, address)
    app.extensions["read-also"].stop()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A file of three pieces."""
    path = tmp_path / "archive.jsonl"
    stories = (
        {"id": f"s-{n}", "title": f"The ferry {n}", "body": "x " * 500} for n in range(2_400)
    )
    path.write_text("\n".join(map(json.dumps, stories)), "utf-8")
    assert 2 * PIECE < path.stat().st_size < 3 * PIECE
    return path


def first_steps(shown: Any, desk: Desk) -> Page:
    page: Page = shown.page
    page.goto(f"{desk.address}/console/sign-in")
    page.fill("[name=key]", SECRET)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/start")
    return page


def send(page: Page, path: Path) -> None:
    page.set_input_files("input[type=file]", path)
    page.get_by_role("button", name="Send the file").click()


def sent_bytes(desk: Desk) -> bytes:
    uploads = Uploads(desk.settings.data.uploads)
    (only,) = uploads.all()
    return uploads.path_of(only.id).read_bytes()


def test_a_file_is_sent_and_its_import_is_shown(desk: Desk, tab: Tabs, archive: Path) -> None:
    shown = tab()
    page = first_steps(shown, desk)
    send(page, archive)
    expect(page.locator("[data-told]")).to_have_text(
        "The file has arrived and is read now, see below."
    )
    assert sent_bytes(desk) == archive.read_bytes()
    now = page.locator("#now")
    expect(now).to_contain_text("archive.jsonl")
    assert do_jobs(desk.settings) == 0
    expect(now).to_contain_text("2400 new stories")
    shown.assert_clean()


def test_a_line_that_breaks_and_a_reload_cost_no_piece(
    desk: Desk, tab: Tabs, archive: Path
) -> None:
    page = first_steps(tab(), desk)
    asked = []

    def break_after_the_first(route: Route) -> None:
        asked.append(route.request.url)
        if len(asked) > 1:
            route.abort()
        else:
            route.continue_()

    page.route(PIECES, break_after_the_first)
    send(page, archive)
    told = page.locator("[data-told]")
    expect(told).to_have_text("The connection is lost. It goes on by itself.")
    assert sent_bytes(desk) == archive.read_bytes()[:PIECE]
    page.reload()
    expect(page.locator("#begun")).to_contain_text("archive.jsonl")
    page.unroute(PIECES)
    send(page, archive)
    expect(told).to_contain_text("has arrived and is read")
    expect(page.locator("#begun")).to_have_count(0)
    assert sent_bytes(desk) == archive.read_bytes()


def test_a_lost_connection_goes_on_by_itself(desk: Desk, tab: Tabs, archive: Path) -> None:
    page = first_steps(tab(), desk)
    page.route(PIECES, lambda route: route.abort(), times=2)
    send(page, archive)
    expect(page.locator("[data-told]")).to_contain_text("is read now")
    assert sent_bytes(desk) == archive.read_bytes()


@pytest.mark.parametrize("is_read_meanwhile", [False, True])
def test_a_lost_answer_at_the_end_neither_fails_nor_reads_the_file_twice(
    desk: Desk, tab: Tabs, tmp_path: Path, *, is_read_meanwhile: bool
) -> None:
    archive = tmp_path / "archive.jsonl"
    archive.write_text('{"id": "a", "title": "The ferry", "body": "It sails."}', "utf-8")
    page = first_steps(tab(), desk)

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        if is_read_meanwhile:
            assert do_jobs(desk.settings) == 0
        route.abort()

    page.route("**/files/*/read", lose_the_answer, times=1)
    send(page, archive)
    expect(page.locator("[data-told]")).to_contain_text("is read now")
    with closing(open_store(desk.settings.database_url)) as store:
        assert len(store.jobs.newest()) == 1


def test_what_is_no_archive_is_refused_in_words(desk: Desk, tab: Tabs, tmp_path: Path) -> None:
    page = first_steps(tab(), desk)
    workbook = tmp_path / "archive.xlsx"
    workbook.write_bytes(b"PK\x03\x04 a workbook")
    send(page, workbook)
    expect(page.locator("[data-told]")).to_contain_text("save the sheet of a workbook as CSV")
    assert Uploads(desk.settings.data.uploads).all() == []


def test_somebody_forgets_what_was_begun(desk: Desk, tab: Tabs, archive: Path) -> None:
    page = first_steps(tab(), desk)
    uploads = Uploads(desk.settings.data.uploads)
    page.route(PIECES, lambda route: route.abort())
    send(page, archive)
    expect(page.locator("[data-told]")).to_contain_text("The connection is lost")
    page.reload()
    page.route("**/forget", lambda route: route.fulfill(status=409, json={"detail": "not now"}))
    page.get_by_role("button", name="Do not send it").click()
    expect(page.get_by_text("not now")).to_be_attached()
    expect(page.locator("#begun li")).to_have_count(1)
    page.unroute("**/forget")
    page.get_by_role("button", name="Do not send it").click()
    expect(page.locator("#begun li")).to_have_count(0)
    assert uploads.all() == []


def test_without_scripts_the_page_names_another_way(desk: Desk, tab: Tabs) -> None:
    page = first_steps(tab(java_script_enabled=False), desk)
    expect(page.get_by_text("your browser runs none")).to_be_visible()
    expect(page.locator("form[data-upload]")).to_be_hidden()
