"""Small archives drawn at random, as a snapshot alone and as a snapshot with a delta.

By its number an archive is always the same; a higher number has more articles. Texts are of made-up
words, many of them copied, cut or filled in from a template, in languages of which an encoder may
know some, and the status fields are drawn so that every rule has something to refuse.
"""

import json
import os
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pytest

from index import Catalog, DeltaWriter, View
from recommender.analysis.analyzer import analyze
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encoder, Model, embed_texts, texts_to_encode
from recommender.analysis.features import DraftFeatures, Features
from recommender.analysis.minhash import MINHASH_SIZE
from recommender.articles import UNKNOWN_LANGUAGE, Article, parse_article
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.indexing.snapshots import build_options
from recommender.store import LogPosition, StoreState

Document = dict[str, Any]

NOW: Final = datetime(2026, 10, 20, 12, tzinfo=UTC)
DIM: Final = 256
SIZES: Final = (0, 1, 2, 4, 8, 14, 25, 40, 60)
"""How many articles the archive of a number has."""
LANGUAGES: Final[Mapping[str | None, tuple[str, str]]] = {
    "en": ("abcdefghijklmnopqrstuvwxyz", "en"),
    "ru": ("абвгдежзиклмнопрстуфхцчшщэюя", "ru"),
    "EN-us": ("abcdefghijklmnopqrstuvwxyz", "en"),
    "tg-Cyrl-TJ": ("ғӣқӯҳҷабвгдезиклмнопрстуфхчшэ", "tg"),
    None: ("ⴰⴱⴳⴷⴹⴻⴼⴽⵀⵃⵄⵅⵇⵉⵊⵍⵎⵏⵓⵔ", "zgh"),
}
"""By the tag that articles bear, the letters of their words and the vocabulary they are from."""
MODELS: Final = {
    "of English": frozenset({"en"}),
    "of all languages": None,
    "of two languages": frozenset({"en", "ru"}),
}
SECTIONS: Final = ("city", "farm", "the port", None)
TAGS: Final = ("port", "trade", "sea port")
HOSTS: Final = ("https://news.example/", "https://WWW.News.example/", "https://wire.example/", None)
ATTRIBUTES: Final[dict[str, tuple[Any, ...]]] = {
    "size": (1, 1.5, 2.0, -3, "1", None),
    "kind": ("x", "y", ["x", 1], True, "true", None),
}
AUTHORS: Final[tuple[list[str], ...]] = (
    ["Desk  Of News"],
    ["desk of news", "A. Second"],
    ["B. Third"],
    [],
)


def name(number: int) -> str:
    """The id of the article of a number."""
    return f"a-{number:02}"


def model_of(kind: str) -> Model:
    return Model(kind, Path(), f"fake {kind}", MODELS[kind])


def moment(days: float) -> str:
    return (NOW + timedelta(days=days)).isoformat()


# --- texts ---


@cache
def vocabulary(tag: str | None, topic: int | None) -> list[str]:
    """Thirty words of a topic, or the common ones of a language."""
    letters, language = LANGUAGES[tag]
    draw = random.Random(f"{language} {topic}")  # noqa: S311 - texts, not secrets
    return ["".join(draw.choices(letters, k=6)) for _ in range(30)]


def fresh(draw: random.Random, tag: str | None) -> Document:
    """A headline and one to four paragraphs of a topic."""
    topic = draw.randrange(3)
    own, common = vocabulary(tag, topic), vocabulary(tag, None)
    paragraphs = [
        " ".join([*draw.choices(own, k=22), *draw.choices(common, k=10)])
        for _ in range(draw.randint(1, 4))
    ]
    summary = " ".join(draw.choices(own, k=8)) if draw.random() < 0.2 else ""
    body = "\n\n".join(paragraphs) if draw.random() < 0.9 else ""
    return {"title": " ".join(draw.sample(own, 4)), "summary": summary, "body": body}


def cut(draw: random.Random, text: Document, tag: str | None) -> Document:
    """Another headline over the same text without one of its paragraphs."""
    paragraphs = text["body"].split("\n\n")
    if len(paragraphs) > 1:
        paragraphs.pop(draw.randrange(len(paragraphs)))
    title = " ".join(draw.sample(vocabulary(tag, 0), 3))
    return text | {"title": title, "body": "\n\n".join(paragraphs)}


def filled_in(draw: random.Random, tag: str | None) -> Document:
    """A template, some of whose words are others each time: more in one text, fewer in another."""
    pattern = random.Random("template").choices(vocabulary(tag, None), k=90)  # noqa: S311
    share = draw.choice((0.05, 0.12, 0.2, 0.3))
    own = vocabulary(tag, 1)
    body = [draw.choice(own) if draw.random() < share else word for word in pattern]
    return {"title": " ".join(draw.sample(own, 4)), "summary": "", "body": " ".join(body)}


# --- articles ---


def dated(draw: random.Random) -> str | None:
    past = moment(-draw.choice((0.01, 1, 1, draw.uniform(2, 40), draw.uniform(40, 900))))
    return draw.choices((past, moment(draw.uniform(0.01, 4)), None), (8, 1, 1))[0]


def status_fields(draw: random.Random, number: int, size: int) -> Document:
    """Fields that may change without the text; most articles are eligible."""
    links = (name(draw.randrange(size)), name(number - 1), "group-1", name(number), "nobody")
    published_at = dated(draw)
    apart = random.Random(f"attributes {number} {published_at}")  # noqa: S311
    return {
        "published_at": published_at,
        "attributes": {name: apart.choice(values) for name, values in ATTRIBUTES.items()},
        "updated_at": dated(draw) if draw.random() < 0.2 else None,
        "status": draw.choices(("published", "draft", "withheld", "canceled"), (20, 1, 1, 1))[0],
        "embargoed_until": moment(draw.uniform(-2, 4)) if draw.random() < 0.1 else None,
        "expires_at": moment(draw.uniform(-2, 4)) if draw.random() < 0.1 else None,
        "section": draw.choice(SECTIONS),
        "tags": draw.sample(TAGS, draw.randrange(3)),
        "authors": draw.choice(AUTHORS),
        "url": draw.choice(HOSTS),
        "never_recommend": draw.random() < 0.05,
        "no_related": draw.random() < 0.08,
        "translation_of": draw.choices(links, (4, 4, 3, 1, 1))[0]
        if number and draw.random() < 0.3
        else None,
    }


def drawn(number: int, *, duplicates: bool = True) -> dict[str, Document]:
    """The articles of an archive by id."""
    draw, size = random.Random(f"archive {number}"), SIZES[number]  # noqa: S311
    found: list[Document] = []
    for at in range(size):
        tag = draw.choices([*LANGUAGES], (8, 4, 2, 3, 2))[0]
        kinds = ("fresh", "same", "cut", "template", "wordless")
        kind = draw.choices(kinds, (50, 10, 14, 14, 2) if duplicates and at else (1, 0, 0, 0, 0))[0]
        text = fresh(draw, tag)
        if kind in {"same", "cut"}:
            older = draw.choice(found)
            tag = older["language"]
            text = {part: older[part] for part in ("title", "summary", "body")}
            text = text if kind == "same" else cut(draw, text, tag)
        elif kind == "template":
            text = filled_in(draw, tag)
        elif kind == "wordless":
            text = {"title": "?!", "summary": "", "body": ""}
        if duplicates and text["body"] and draw.random() < 0.05:
            text |= {"title": " "}
        found.append({"id": name(at), "language": tag} | status_fields(draw, at, size) | text)
        if kind == "template":
            found[-1] |= {"authors": AUTHORS[0], "url": HOSTS[0]}
    return {one["id"]: one for one in found}


def article_of(document: Document) -> Article:
    return parse_article(json.dumps({k: v for k, v in document.items() if v is not None}))


@dataclass(frozen=True, slots=True, eq=False)
class Outsider:
    """An article outside the views, and its features, if it was analyzed."""

    article: Article
    draft: DraftFeatures | None


@dataclass(frozen=True, slots=True, eq=False)
class Archive:
    """Articles, their features, and views of exactly these.

    Attributes:
        model: by which they were read.
        articles: by id, in ascending order.
        known: by id the same articles with the features of each.
        built: a snapshot of them.
        grown: a snapshot of some of them and of older states of others, with a delta.
        alone: all of them as changes, over a snapshot of nothing.
        outside: articles that are not in it.
    """

    model: Model
    articles: Mapping[str, Article]
    known: Mapping[str, IndexedDocument]
    built: View
    grown: View
    alone: View
    outside: Sequence[Outsider]

    def view(self, kind: str) -> View:
        return {"built": self.built, "grown": self.grown, "alone": self.alone}[kind]

    def is_read(self, article_id: str) -> bool:
        return self.known[article_id].features is not None

    def minhash(self, article_id: str) -> Any:
        features = self.known[article_id].features
        return features.minhash if features is not None else np.zeros(MINHASH_SIZE, np.uint16)

    def language(self, article_id: str) -> str:
        return self.known[article_id].language or UNKNOWN_LANGUAGE


class ViewFactory:
    """Analyzes articles and builds views of them, each text once; `kept` is what tests built."""

    def __init__(self, folder: Path, encoder: Encoder) -> None:
        self.kept: dict[str, tuple[View, View]] = {}
        self._folder = folder
        self._encoder = encoder
        self._vectors: dict[str, Any] = {}
        self._texts: dict[str, Features] = {}
        self._archives: dict[tuple[int, str, bool], Archive] = {}
        self._built = 0

    def archive(self, number: int, kind: str, *, duplicates: bool = True) -> Archive:
        """The archive of a number, read by a model of a kind; it is made when first asked for."""
        key = (number, kind, duplicates)
        if key not in self._archives:
            self._archives[key] = self._make(number, kind, duplicates=duplicates)
        return self._archives[key]

    def draft(self, article: Article, model: Model) -> DraftFeatures:
        return DraftFeatures(self._analyze(article), model.fingerprint)

    def known(self, article: Article, *, read: bool = True) -> IndexedDocument:
        """An article with its features, if it is analyzed."""
        if not read:
            return IndexedDocument(article, None, 1, up_to_date=False)
        return IndexedDocument(article, self._analyze(article), 1, up_to_date=True)

    def build(self, known: Iterable[IndexedDocument], model: Model, **options: int) -> View:
        """A snapshot alone; `options` are more of those of a build."""
        rows = build_rows(sorted(known, key=_id_of), model, dim=1)
        self._built += 1
        catalog = Catalog(self._folder / f"{self._built}")
        stamp = build_options(model, StoreState("epoch", LogPosition(1, "mark")))
        with pytest.MonkeyPatch.context() as patch:
            # Nobody cuts the power here, and waiting for the disk takes longer than all the rest.
            patch.setattr(os, "fsync", lambda _file: None)
            return View.of(catalog.publish_rows(rows, **stamp, **cast("Any", options)))

    def build_with_delta(
        self,
        under: View,
        batches: Iterable[tuple[Iterable[IndexedDocument], set[str]]],
        model: Model,
    ) -> View:
        """A view with a delta: batches of upserts and deletes over its snapshot."""
        delta_writer = DeltaWriter(View.of(under.snapshot))
        for known, gone in batches:
            delta_writer.apply(build_rows(sorted(known, key=_id_of), model, DIM), gone)
        return delta_writer.view

    def _analyze(self, article: Article) -> Features:
        key = article.text_hash
        if key not in self._texts:
            views = ArticleTexts.of(article)
            new = [
                text for text in dict.fromkeys(texts_to_encode(views)) if text not in self._vectors
            ]
            rows = self._encoder.encode(new, lambda _done: None)
            self._vectors |= zip(new, rows, strict=True)
            embedding = embed_texts(views, self._vectors.__getitem__)
            self._texts[key] = replace(analyze(article), embedding=embedding)
        return self._texts[key]

    def _make(self, number: int, kind: str, *, duplicates: bool) -> Archive:
        model, draw = model_of(kind), random.Random(f"views {number}")  # noqa: S311
        documents = drawn(number, duplicates=duplicates)
        articles = {one: article_of(document) for one, document in documents.items()}
        unread = {one for one in articles if duplicates and draw.random() < 0.03}
        known = {one: self.known(a, read=one not in unread) for one, a in articles.items()}
        older, since, gone = self._earlier(draw, documents, known)
        grown = self.build_with_delta(self.build(older, model), [(since, gone)], model)
        alone = self.build_with_delta(self.build([], model), [(known.values(), set())], model)
        outside = [*self._outside(draw, articles, model)]
        built = self.build(known.values(), model)
        return Archive(model, articles, known, built, grown, alone, outside)

    def _earlier(
        self,
        draw: random.Random,
        documents: Mapping[str, Document],
        known: Mapping[str, IndexedDocument],
    ) -> tuple[list[IndexedDocument], list[IndexedDocument], set[str]]:
        """An earlier snapshot's articles, the upserts since, and the deleted ids."""
        older, since, gone = list[IndexedDocument](), list[IndexedDocument](), set[str]()
        for at, (one, document) in enumerate(documents.items()):
            state = draw.choices(("same", "text", "status_fields", "new"), (6, 2, 2, 2))[0]
            if state == "new":
                since.append(known[one])
                continue
            before = document
            if state == "text":
                before = document | fresh(draw, document["language"])
            elif state == "status_fields":
                before = document | status_fields(draw, at, len(documents))
            older.append(known[one] if state == "same" else self.known(article_of(before)))
            since += [] if state == "same" else [known[one]]
        if older:
            dead = [replace(one, article=_named(one.article, f"gone-{n}")) for n, one in
                    enumerate(draw.choices(older, k=3))]  # fmt: skip
            older += dead
            gone = {one.article.id for one in dead}
        return older, since, gone

    def _outside(
        self, draw: random.Random, articles: Mapping[str, Article], model: Model
    ) -> Iterable[Outsider]:
        """Fresh texts, one not read, one translation and one duplicate of an article."""
        texts = {f"draft-{tag}": fresh(draw, tag) | {"language": tag} for tag in LANGUAGES}
        ids = [*articles, "nobody"]
        texts["draft-translates"] = texts["draft-ru"] | {"translation_of": draw.choice(ids)}
        drafts = [article_of(text | {"id": key, "section": "city"}) for key, text in texts.items()]
        drafts += [_named(article, "draft-copies") for article in [*articles.values()][:1]]
        yield from (Outsider(article, self.draft(article, model)) for article in drafts)
        yield Outsider(drafts[0], None)


def _named(article: Article, article_id: str) -> Article:
    return article.model_copy(update={"id": article_id, "translation_of": None})


def _id_of(known: IndexedDocument) -> str:
    return known.article.id
