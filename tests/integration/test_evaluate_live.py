"""`evaluate --from-links` and `--compare` over an archive of its own, with a fake encoder."""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest
from click.testing import Result
from lxml import html

from index import Catalog, View
from recommender.api import ListOptions
from recommender.evaluation.comparison import compare
from recommender.evaluation.report import keep_report
from recommender.indexing.gate import rank_biased_overlap
from recommender.ranking.candidates import ListRequest
from recommender.ranking.policy import Policy
from recommender.ranking.related import list_related
from recommender.ranking.scoring import find_seed
from recommender.settings import Settings
from tests.support.archives import fill, run_command

Document = dict[str, Any]
NOW = 1_700_000_000.0
HOSTILE = "<script>alert('1')</script> & \"quotes\""
RIGHT_TO_LEFT = "سفينة في الميناء"
LINKS = {
    # By article, what it links to; a to h are stories at https://news.example/ID.
    "a": ["https://news.example/b", "/c/?utm_source=mail", "d#top", "HTTP://NEWS.example:80/b/"],
    "b": ["/b", "https://elsewhere.example/c", "mailto:desk@news.example", "/hidden"],
    "c": ["../a?utm_campaign=x&UTM_medium=y"],
    "d": ["javascript:alert(1)", "https://news.example/never", "//news.example/e"],
}


def linking(document: Document, links: list[str]) -> Document:
    marked = "".join(f'<p>See <a href="{link}">more</a></p>' for link in links)
    return {**document, "body": "", "body_html": f"<p>{document['body']}</p>{marked}"}


@pytest.fixture(scope="module")
def documents(make_story: Callable[..., Document]) -> list[Document]:
    titles = {"a": HOSTILE, "b": RIGHT_TO_LEFT}
    stories = []
    for number, name in enumerate("abcdefgh"):
        fields: Document = {"published_at": f"2023-05-{number + 1:02}T08:00:00Z", "section": "city"}
        fields |= {"url": f"https://news.example/{name}", "tags": ["port"]}
        fields |= {"title": titles[name]} if name in titles else {}
        story = make_story(name, **fields)
        stories.append(linking(story, LINKS[name]) if name in LINKS else story)
    odd: dict[str, Document] = {"hidden": {"status": "draft"}, "never": {"never_recommend": True}}
    return stories + [
        make_story(name, url=f"https://news.example/{name}", **fields)
        for name, fields in odd.items()
    ]


@pytest.fixture(scope="module")
def archive(
    documents: list[Document],
    rebuild_with_fake: Callable[..., object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    folder = tmp_path_factory.mktemp("archive")
    settings = Settings(f"sqlite:///{folder / 'read-also.db'}", folder)
    fill(settings, documents)
    rebuild_with_fake(settings)
    return settings


def evaluate(settings: Settings, *options: str | Path) -> Result:
    return run_command(settings, "evaluate", *map(str, options))


@pytest.fixture(scope="module")
def linked(archive: Settings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("linked")
    options = ("--from-links", "--run", folder / "run.txt", "--report", folder / "report.html")
    result = evaluate(archive, *options)
    assert result.exit_code == 0, result.output
    return result, folder


@pytest.mark.long
def test_links_are_judgments_and_what_is_left_out_is_counted(linked: tuple[Result, Path]) -> None:
    lines = linked[0].stdout.splitlines()
    # a -> b, c, d; c -> a; d -> e. Others lead back, abroad, to no page, and to what is hidden.
    assert lines[0].endswith(
        ": 10 articles, 5 links of 3 articles; left out: 1 to the article itself, 3 to no stored "
        "article, 2 to what its list may not show, 0 articles whose HTML could not be read"
    )
    assert lines[1] == "3 queries"
    rows = [line.split()[0] for line in lines[2:8]]
    assert rows == ["relevance", "served", "latest", "tags", "bm25", "dense"]


def test_the_run_is_of_the_articles_that_link(linked: tuple[Result, Path]) -> None:
    lines = [line.split() for line in (linked[1] / "run.txt").read_text("utf-8").splitlines()]
    assert {line[0] for line in lines} == {"a", "c", "d"}
    assert {line[2] for line in lines} <= set("abcdefgh")
    assert all(line[0] != line[2] for line in lines)


def test_a_report_loads_no_other_file_and_runs_nothing(linked: tuple[Result, Path]) -> None:
    text = (linked[1] / "report.html").read_text("utf-8")

    def found(path: str) -> list[str]:
        return [
            str(one) for one in cast("list[object]", html.document_fromstring(text).xpath(path))
        ]

    assert found("//script | //link | //img | //iframe | //object | //base") == []
    assert found("//@*[starts-with(name(), 'on')]") == []
    assert not re.search(r"https?://|@import", text)
    ids, points = found("//@id"), found("//@src | //@href | //@*[name()='xlink:href']")
    assert len(set(ids)) == len(ids)
    assert {*points} <= {f"#{one}" for one in ids}


def test_a_report_escapes_titles_and_lets_them_run_their_own_way(
    linked: tuple[Result, Path],
) -> None:
    text = (linked[1] / "report.html").read_text("utf-8")
    assert "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &#34;quotes&#34;" in text
    assert "<script" not in text
    assert text.count(RIGHT_TO_LEFT) == text.count(f'<bdi dir="auto">{RIGHT_TO_LEFT}</bdi>') > 0


def test_a_report_has_the_tables_the_plots_and_what_it_is_of(
    linked: tuple[Result, Path], archive: Settings
) -> None:
    text = (linked[1] / "report.html").read_text("utf-8")
    assert text.count("<table>") == text.count("<caption ") == text.count("<svg") == 3
    assert text.count('role="img" aria-label="') == 3
    assert f"<dd>{Catalog(archive.data.snapshots).live()}</dd>" in text
    command = "read-also evaluate --from-links --run run.txt --report report.html"
    assert f"<code>{command}</code>" in text
    assert str(linked[1]) not in text
    assert text.count("<article>") == 3


def test_a_report_begins_with_a_sentence_and_figures_of_two_digits(
    linked: tuple[Result, Path],
) -> None:
    page: Any = html.document_fromstring((linked[1] / "report.html").read_text("utf-8"))
    served = float(re.findall(r"^served +nDCG@5 (\S+)", linked[0].stdout, re.MULTILINE)[0])
    lead = page.find_class("lead")[0].text_content()
    assert lead.startswith(f"The lists that readers get are {round(100 * served)} % as good as")
    numbers = [one.text_content() for one in page.xpath("//ul[@class='figures']//b")]
    assert numbers[0] == f"{round(100 * served)} of 100"
    assert len(numbers) == 4
    captions = [one.text_content() for one in page.xpath("//figcaption")]
    assert len(captions) == 3
    assert all(one.endswith(".") for one in captions)
    folded = page.xpath("//details//table")
    assert len(folded) == len(page.xpath("//table"))


def test_a_report_has_one_style_sheet_which_a_strict_policy_allows(
    linked: tuple[Result, Path],
) -> None:
    page: Any = html.document_fromstring((linked[1] / "report.html").read_text("utf-8"))
    (style,) = page.xpath("//style")
    assert page.xpath("//@style") == []
    digest = b64encode(sha256(str(style.text).encode()).digest()).decode()
    policy = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy == [f"default-src 'none'; style-src 'sha256-{digest}'"]


def test_the_newest_reports_are_kept_for_the_console(
    linked: tuple[Result, Path], archive: Settings, tmp_path: Path
) -> None:
    report = (linked[1] / "report.html").read_bytes()
    assert [one.read_bytes() for one in archive.data.reports.iterdir()] == [report]
    path, folder = tmp_path / "a.html", tmp_path / "reports"
    for minute in range(22):
        path.write_text(str(minute), "utf-8")
        keep_report(path, folder, datetime(2026, 5, 1, 9, minute, tzinfo=UTC))
    kept = sorted(folder.iterdir())
    assert [one.read_text("utf-8") for one in kept] == [str(minute) for minute in range(2, 22)]
    assert kept[0].name == "20260501-090200.html"


def test_without_a_link_the_remedy_is_named(desk_settings: Settings, bare: Settings) -> None:
    result = evaluate(desk_settings, "--from-links")
    assert result.exit_code == 65
    assert "no article of the live generation links to another one" in result.stderr
    assert "read-also evaluate DIR" in result.stderr
    assert evaluate(bare, "--from-links").exit_code == 69


def test_without_its_extra_the_command_names_it(
    archive: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recommender.evaluation.measures.find_spec", lambda _: None)
    result = evaluate(archive, "--from-links")
    assert result.exit_code == 69
    assert "pip install '.[evaluation]'" in result.stderr


def test_a_report_that_cannot_be_written_is_73_before_any_work(
    archive: Settings, tmp_path: Path
) -> None:
    result = evaluate(archive, "--from-links", "--report", tmp_path / "missing" / "report.html")
    assert result.exit_code == 73
    assert f"make the folder {tmp_path / 'missing'}" in result.stderr
    assert not result.stdout


def test_unreadable_html_does_not_affect_other_articles(
    archive: Settings, documents: list[Document], tmp_path: Path
) -> None:
    settings = Settings(f"sqlite:///{tmp_path / 'other.db'}", archive.data_dir)
    bomb = {"id": "0", "title": "Z", "body_html": "<div>" * 20_000 + "<a href='/a'>x</a>"}
    flood = {"id": "1", "title": "Y", "body_html": "<li><a href=x>x" * 200_000}
    fill(settings, [*documents, bomb, flood])
    result = evaluate(settings, "--from-links")
    assert result.exit_code == 0, result.output
    assert "5 links of 3 articles" in result.stdout
    assert "2 articles whose HTML could not be read" in result.stdout


@pytest.fixture(scope="module")
def two(
    documents: list[Document],
    make_story: Callable[..., Document],
    rebuild_with_fake: Callable[..., object],
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """An archive of two generations: in the second e is withdrawn, and two stories are new."""
    folder = tmp_path_factory.mktemp("two")
    settings = Settings(f"sqlite:///{folder / 'read-also.db'}", folder)
    fill(settings, documents)
    rebuild_with_fake(settings)
    fresh = [make_story(n, published_at="2023-06-01T08:00:00Z", title=f"New {n}") for n in "ij"]
    gone = [{**one, "status": "withheld"} for one in documents if one["id"] == "e"]
    fill(settings, [*fresh, *gone])
    rebuild_with_fake(settings)
    return settings


def lists(view: View, seeds: list[str]) -> dict[str, list[str]]:
    return {
        seed: [
            item.id
            for item in list_related(
                ListRequest(view, find_seed(view, seed), ListOptions(), Policy(), NOW)
            ).items
        ]
        for seed in seeds
    }


@pytest.mark.long
def test_a_comparison_is_the_one_of_the_lists(two: Settings) -> None:
    catalog = Catalog(two.data.snapshots)
    before, after = (View.of(catalog.open(name)) for name in catalog.generations())
    found = compare(before, after, Policy(), NOW)
    seeds = [change.seed for change in found.changes]
    assert sorted(seeds) == [*"abcdefgh", "never"]
    old, new = lists(before, seeds), lists(after, seeds)
    overlaps = [rank_biased_overlap(old[seed], new[seed]) for seed in seeds]
    assert [change.overlap for change in found.changes] == overlaps == sorted(overlaps)
    assert found.overlap == pytest.approx(sum(overlaps) / len(overlaps))
    assert found.identical == sum(old[s] == new[s] for s in seeds) / len(seeds)
    first = found.changes[0]
    assert len(first.entered) == len(set(new[first.seed]) - set(old[first.seed])) > 0
    assert len(first.left) == len(set(old[first.seed]) - set(new[first.seed])) > 0


def test_a_comparison_is_printed_with_titles(two: Settings) -> None:
    before, after = Catalog(two.data.snapshots).generations()
    result = evaluate(two, "--compare", before, after)
    assert result.exit_code == 0, result.output
    first, second, *rest = result.stdout.splitlines()
    assert first == f"{before} -> {after}: 9 lists of articles that both hold"
    assert re.fullmatch(r"mean overlap \(RBO\) 0\.\d{4}  identical [01]\.\d{4}", second)
    assert "        + New i" in rest
    assert any(line.startswith("        - ") for line in rest)


def test_a_generation_compared_with_itself_has_no_differences(two: Settings) -> None:
    name = Catalog(two.data.snapshots).generations()[0]
    result = evaluate(two, "--compare", name, name)
    assert result.stdout.splitlines()[1:] == ["mean overlap (RBO) 1.0000  identical 1.0000"]


def test_generations_that_cannot_be_compared_are_named(two: Settings) -> None:
    name = Catalog(two.data.snapshots).generations()[0]
    result = evaluate(two, "--compare", name, "../live")
    assert result.exit_code == 69
    assert "'../live' is no generation" in result.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "give one of DIR, --from-links and --compare A B"),
        ((".", "--from-links"), "give one of DIR, --from-links and --compare A B"),
        (("--from-links", "--compare", "a", "b"), "give one of"),
        (
            ("--from-links", "--cache", "x", "--scores", "y"),
            "--cache, --scores: not with --from-links",
        ),
        (("--compare", "a", "b", "--report", "r.html"), "--report: not with --compare"),
        (("--compare", "a"), "requires 2 arguments"),
    ],
)
def test_options_that_exclude_each_other_are_wrong_usage(
    archive: Settings, options: tuple[str, ...], said: str
) -> None:
    result = evaluate(archive, *options)
    assert result.exit_code == 2
    assert said in result.stderr
