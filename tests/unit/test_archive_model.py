"""Which model is chosen by the languages of an archive, and what operators are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from recommender.articles import Article
from recommender.encoding_settings import EncodingSettings
from recommender.errors import ModelRefused
from recommender.indexing.archive_model import choose_by_languages, choose_for_articles
from recommender.settings import Settings


@pytest.mark.parametrize(
    ("counts", "model"),
    [
        ({"en": 100}, "bundled"),
        ({"en": 76, "ru": 24}, "bundled"),  # a few foreign stories do not move an English archive
        ({"en": 75, "ru": 25}, "multilingual"),
        ({"en": 75, "ru": 15, "tg": 10}, "multilingual"),
        ({"ru": 60, "tg": 40}, "multilingual"),
        ({"tg": 1}, "multilingual"),
        ({"en": 10, None: 990}, "bundled"),  # unknown ones do not count
        ({"en": 10, "ru": 10, None: 980}, "multilingual"),
        ({"en": 60, "lb": 40}, "bundled"),  # neither model supports Luxembourgish
        ({"lb": 100}, "bundled"),
        ({"lb": 70, "ru": 30}, "multilingual"),
    ],
)
def test_the_model_follows_the_share_of_other_languages(
    counts: dict[str | None, int], model: str
) -> None:
    choice = choose_by_languages(counts)
    assert (choice.model, choice.final) == (model, True)


@pytest.mark.parametrize("counts", [{}, {None: 12}])
def test_without_a_known_language_nothing_is_chosen_for_good(
    counts: dict[str | None, int],
) -> None:
    choice = choose_by_languages(counts)
    assert str(choice) == "bundled (no text has a known language yet)"
    assert not choice.final


MANY_BY_WORDS = (
    "25 texts with a known language: en 84 %, lb 4 %, oc 4 %, 2 more; "
    "words decide in lb, oc, vo, 1 more"
)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"en": 3}, "3 texts with a known language: en 100 %"),
        (
            {"zh": 15, "en": 80, "tg": 5, None: 4},
            "100 texts with a known language: en 80 %, zh 15 %, tg 5 %; words decide in zh, tg",
        ),
        (
            {"ru": 6, "lb": 4},
            "10 texts with a known language: ru 60 %, lb 40 %; words decide in lb",
        ),
        (
            dict.fromkeys(["ru", "uk", "de", "fr", "lb"], 1),
            "5 texts with a known language: ru 20 %, uk 20 %, de 20 %, 2 more; words decide in lb",
        ),
        (
            dict.fromkeys(["lb", "oc", "vo", "mt"], 1) | {"en": 21},
            MANY_BY_WORDS,
        ),
    ],
    ids=["one", "few", "not supported", "many", "many not supported"],
)
def test_the_reason_names_the_shares_and_where_words_decide(
    counts: dict[str | None, int], told: str
) -> None:
    assert choose_by_languages(counts).why == told


RUSSIAN = "Поезд из Душанбе опоздал на два часа, сообщила железная дорога в понедельник утром."


@pytest.mark.parametrize(
    ("articles", "model"),
    [
        ([Article(id="a", title="T", body=RUSSIAN)], "multilingual"),
        ([Article(id="a", title=RUSSIAN, language="en-GB")], "bundled"),  # the given one counts
        ([Article(id="a", summary=RUSSIAN, body_html="<p>x</p>")], "multilingual"),
        ([], "bundled"),
    ],
)
def test_a_data_set_is_measured_with_the_model_of_its_languages(
    articles: list[Article], model: str, tmp_path: Path
) -> None:
    said = list[str]()
    settings = Settings("sqlite://", tmp_path, "auto")
    assert choose_for_articles(settings, articles, said.append).name == model
    assert said[0].startswith(f"model: {model} (")
    named = Settings("sqlite://", tmp_path, "bundled")
    assert choose_for_articles(named, articles, said.append).name == "bundled"
    assert len(said) == 1


def test_the_model_for_titles_is_no_reason_to_choose_and_is_told(tmp_path: Path) -> None:
    settings = Settings(
        "sqlite://", tmp_path, "auto", encoding=EncodingSettings(title_model="bundled")
    )
    said = list[str]()
    russian = choose_for_articles(settings, [Article(id="a", title="T", body=RUSSIAN)], said.append)
    assert russian.titles is not None
    assert (russian.name, russian.titles.name, russian.languages) == (
        "multilingual",
        "bundled",
        frozenset({"en"}),
    )
    assert said[1] == "titles: bundled; both models read en, and words decide elsewhere"
    alone = replace(settings, encoding=settings.encoding.without_titles())
    assert choose_for_articles(alone, [], said.append).titles is None
    del said[2:]
    broken = replace(settings, encoding=EncodingSettings(title_model="/nowhere/at/all"))
    with pytest.raises(ModelRefused, match="/nowhere/at/all"):
        choose_for_articles(broken, [Article(id="a", title="T", body=RUSSIAN)], said.append)
    assert said[2].startswith("model: multilingual")
