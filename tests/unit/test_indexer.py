"""The indexer: whose turn it is, and that no text costs another its reading."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from recommender.analysis.analyzer import ANALYZER_VERSION, Analyzer, analyze
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Encoder, Model, mix_vectors, texts_to_encode
from recommender.analysis.html import MARKUP_VERSION
from recommender.articles import Article
from recommender.errors import ModelRefused, StoreUnusable
from recommender.indexing.indexer import Indexer
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.store import ArticleStore, DeadLetter, QueueLength, TextQueue, open_store

Readers = Callable[..., Analyzer]


class Died(BaseException):
    """The process is gone, as after the kernel's own kill."""


@dataclass
class Watched:
    """An encoder that remembers what it was asked, and does something before it answers."""

    inner: Encoder
    before: Callable[[Sequence[str]], object] = lambda _: None
    asked: list[str] = field(default_factory=list)

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        self.asked += texts
        self.before(texts)
        return self.inner.encode(texts, advance)


@pytest.fixture
def store(bare: Settings) -> Iterator[ArticleStore]:
    opened = open_store(bare.database_url)
    yield opened
    opened.close()


def article(article_id: str, title: str | None = None, **fields: object) -> Article:
    named = {"id": article_id, "title": f"About {article_id}" if title is None else title}
    return Article.model_validate(named | fields)


def read_in_order(store: ArticleStore) -> list[str]:
    return [change.article_id for change in store.changes_after(0) if change.kind == "read"]


def refuse(word: str, error: type[BaseException] = ValueError) -> Callable[[Sequence[str]], None]:
    def check(texts: Sequence[str]) -> None:
        if any(word in text for text in texts):
            raise error(f"{word} is no word")

    return check


def test_single_writes_are_read_before_bulk_loads(
    store: ArticleStore, reader_with_fake: Readers
) -> None:
    store.write_many([article(f"bulk-{at}") for at in range(3)])
    store.put(article("single"))
    indexer = Indexer(store, reader_with_fake())
    assert indexer.step() == 1
    assert read_in_order(store) == ["single"]
    assert indexer.drain() == 3
    assert read_in_order(store) == ["single", "bulk-0", "bulk-1", "bulk-2"]
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_a_single_write_during_a_bulk_load_is_read_before_that_is_done(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    bulk = [f"bulk-{at:02}" for at in range(12)]
    store.write_many([article(name) for name in bulk])

    def write(texts: Sequence[str]) -> None:
        if any("bulk" in text for text in texts):
            store.put(article("single"))

    Indexer(store, reader_with_fake(Watched(fake_encoder, write))).drain()
    assert read_in_order(store) == ["single", *bulk]


def test_what_was_read_is_what_a_reader_makes_of_the_text(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, fake_model: Model
) -> None:
    one = article("a", "Harbour crane", summary="A ship", body="The quay.\n\nThe dock.")
    store.put(one)
    Indexer(store, reader_with_fake()).drain()
    found = store.features.terms([one.text_hash], ANALYZER_VERSION)[one.text_hash]
    expected = analyze(one)
    assert found.language == expected.language
    for name in ("buckets", "counts", "minhash"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    vector = store.features.vectors([one.text_hash], fake_model.fingerprint)[one.text_hash]
    views = ArticleTexts.of(one)
    texts = list(texts_to_encode(views))
    rows = dict(zip(texts, fake_encoder.encode(texts, lambda _: None), strict=True))
    np.testing.assert_allclose(vector, mix_vectors(views, rows.__getitem__), atol=1e-3)
    assert np.linalg.norm(vector.astype(np.float32)) == pytest.approx(1, abs=1e-3)


def test_markup_is_cleaned_and_its_text_kept(
    store: ArticleStore, reader_with_fake: Readers, fake_model: Model
) -> None:
    marked = article("a", "Harbour", body_html="<p>A <b>ship</b></p>")
    plain = article("b", "Harbour", body="A ship")
    store.write_many([marked, plain])
    Indexer(store, reader_with_fake()).drain()
    hashes = [marked.text_hash, plain.text_hash]
    assert store.features.texts(hashes, MARKUP_VERSION) == {marked.text_hash: "A ship"}
    terms = store.features.terms(hashes, ANALYZER_VERSION)
    one, two = (terms[key].buckets.tolist() for key in hashes)
    assert one == two
    vectors = store.features.vectors(hashes, fake_model.fingerprint)
    np.testing.assert_array_equal(vectors[marked.text_hash], vectors[plain.text_hash])
    assert store.get("a") == marked


def test_a_text_that_is_known_is_not_embedded_again(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    watched = Watched(fake_encoder)
    indexer = Indexer(store, reader_with_fake(watched))
    for name in ("a", "b"):
        store.put(article(name, "One text"))
        assert indexer.drain() == 1
    assert watched.asked == ["One text"]
    assert read_in_order(store) == ["a", "b"]


def test_two_articles_of_one_text_are_both_read(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    watched = Watched(fake_encoder)
    for name in ("a", "b"):
        store.put(article(name, "One text"))
    assert Indexer(store, reader_with_fake(watched)).step() == 2
    assert (watched.asked, read_in_order(store)) == (["One text"], ["a", "b"])


def test_a_bad_article_alone_is_blamed_and_parked_after_three_failures(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    titles = {"a": "Good", "b": "A poison pill", "c": "Better", "d": "Best"}
    changes = [store.put(article(name, title)).change for name, title in titles.items()]
    watched = Watched(fake_encoder, refuse("poison"))
    indexer = Indexer(store, reader_with_fake(watched))
    assert indexer.step() == 4
    assert read_in_order(store) == ["a", "c", "d"]
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert [indexer.step() for _ in range(3)] == [1, 1, 0]
    assert store.queue.length() == QueueLength(0, 0, 1)
    assert store.queue.dead_letters() == [
        DeadLetter("b", changes[1], "ValueError: poison is no word")
    ]
    asked = watched.asked.count("A poison pill")
    store.put(article("e", "Later"))
    assert indexer.drain() == 1
    assert read_in_order(store) == ["a", "c", "d", "e"]
    assert watched.asked.count("A poison pill") == asked


def test_a_bad_article_of_a_bulk_load_is_blamed_alone_too(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    store.write_many([article(f"{at:02}", "poison" if at == 5 else None) for at in range(20)])
    Indexer(store, reader_with_fake(Watched(fake_encoder, refuse("poison")))).drain()
    assert [letter.id for letter in store.queue.dead_letters()] == ["05"]
    assert sorted(read_in_order(store)) == [f"{at:02}" for at in range(20) if at != 5]


def test_markup_that_cannot_be_read_is_parked_with_its_fault(
    store: ArticleStore, reader_with_fake: Readers
) -> None:
    store.put(article("good", body_html="<p>Fine</p>"))
    change = store.put(article("bad", body_html="<poison>")).change
    Indexer(store, reader_with_fake()).drain()
    fault = "UnreadableMarkup: took more than 2 s"
    assert store.queue.dead_letters() == [DeadLetter("bad", change, fault)]
    assert read_in_order(store) == ["good"]


def test_a_parked_article_that_is_written_again_is_read(
    store: ArticleStore, reader_with_fake: Readers
) -> None:
    indexer = Indexer(store, reader_with_fake())
    store.put(article("a", body_html="<poison>"))
    indexer.drain()
    store.put(article("a", body_html="<p>Fine</p>"))
    assert indexer.drain() == 1
    assert (read_in_order(store), store.queue.dead_letters()) == (["a"], [])


@pytest.mark.parametrize("words", ["NUL \x00", "half of a pair \ud800", "long " * 10_000])
def test_whatever_a_fault_says_the_article_is_parked(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, words: str
) -> None:
    def fail(_: Sequence[str]) -> None:
        raise ValueError(words)

    store.put(article("a"))
    Indexer(store, reader_with_fake(Watched(fake_encoder, fail))).drain()
    assert [letter.id for letter in store.queue.dead_letters()] == ["a"]


def test_a_text_that_changed_while_it_was_read_goes_on_waiting(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, fake_model: Model
) -> None:
    newer = article("a", "The newer text")

    def change(texts: Sequence[str]) -> None:
        if "The older text" in texts:
            store.put(newer)

    store.put(article("a", "The older text"))
    indexer = Indexer(store, reader_with_fake(Watched(fake_encoder, change)))
    assert indexer.step() == 1
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert read_in_order(store) == []
    assert indexer.step() == 1
    assert store.queue.length() == QueueLength(0, 0, 0)
    with store.scan() as view:
        assert [stored.read_hash for stored in view] == [newer.text_hash]
    assert list(store.features.vectors([newer.text_hash], fake_model.fingerprint)) == [
        newer.text_hash
    ]


def test_an_article_that_was_deleted_while_it_was_read_stays_deleted(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    store.put(article("a"))
    watched = Watched(fake_encoder, lambda _: store.delete("a"))
    Indexer(store, reader_with_fake(watched)).drain()
    assert [change.kind for change in store.changes_after(0)] == ["upsert", "delete"]


def test_a_store_that_fails_blames_no_article(
    store: ArticleStore, reader_with_fake: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StoreUnusable("the disk is full")

    store.put(article("a"))
    indexer = Indexer(store, reader_with_fake())
    with monkeypatch.context() as patch:
        patch.setattr(TextQueue, "acknowledge", fail)
        with pytest.raises(StoreUnusable):
            indexer.step()
    assert store.queue.length() == QueueLength(1, 0, 0)
    for _ in range(3):
        indexer.step()
    assert read_in_order(store) == ["a"]


def test_a_model_that_cannot_be_loaded_blames_no_article(
    store: ArticleStore, reader_with_fake: Readers, fake_model: Model
) -> None:
    def refuse(_: Model) -> Encoder:
        raise ModelRefused("the weights are not the pinned ones")

    store.put(article("a"))
    indexer = Indexer(store, Analyzer(fake_model, refuse, str.strip))
    for _ in range(3):
        with suppress(ModelRefused):
            indexer.step()
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert Indexer(store, reader_with_fake()).drain() == 1


def test_a_machine_without_memory_blames_no_article(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder
) -> None:
    """Neither one of several nor one alone, however often it fails."""
    for names in ("ab", "c"):
        for name in names:
            store.put(article(name))
        indexer = Indexer(store, reader_with_fake(Watched(fake_encoder, refuse("About", OSError))))
        for _ in range(3):
            with pytest.raises(OSError, match="About is no word"):
                indexer.step()
        waiting = store.queue.next(9, bulk=False)
        assert [(one.article.id, one.attempts) for one in waiting] == [(n, 0) for n in names]
        assert Indexer(store, reader_with_fake()).drain() == len(names)


def test_a_full_disk_blames_no_article(
    store: ArticleStore,
    reader_with_fake: Readers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    store.put(article("a"))
    indexer = Indexer(store, reader_with_fake(), tmp_path / "in-hand")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", fail)
        for _ in range(3):
            with suppress(OSError):
                indexer.step()
    assert store.queue.dead_letters() == []
    indexer.drain()
    assert read_in_order(store) == ["a"]


def die(store: ArticleStore, reader: Analyzer, in_hand: Path) -> None:
    with pytest.raises(Died):
        Indexer(store, reader, in_hand).drain()


def test_an_article_in_hand_at_three_deaths_is_parked(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, tmp_path: Path
) -> None:
    deadly = reader_with_fake(Watched(fake_encoder, refuse("poison", Died)))
    change = store.put(article("a", "poison")).change
    in_hand = tmp_path / "in-hand"
    for _ in range(3):
        die(store, deadly, in_hand)
        assert json.loads(in_hand.read_text()) == {"a": change}
    indexer = Indexer(store, deadly, in_hand)
    assert indexer.step() == 0
    fault = "the indexer died while reading it"
    assert store.queue.dead_letters() == [DeadLetter("a", change, fault)]
    assert not in_hand.exists()
    store.put(article("b"))
    assert indexer.drain() == 1
    assert read_in_order(store) == ["b"]


def test_one_death_costs_an_article_nothing_but_a_failure(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, tmp_path: Path
) -> None:
    store.put(article("a", "poison"))
    die(store, reader_with_fake(Watched(fake_encoder, refuse("poison", Died))), tmp_path / "h")
    assert Indexer(store, reader_with_fake(), tmp_path / "h").drain() == 1
    assert read_in_order(store) == ["a"]
    assert not (tmp_path / "h").exists()


def test_articles_beside_one_that_kills_are_read_and_not_parked(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, tmp_path: Path
) -> None:
    titles = {"a": "Good", "b": "poison", "c": "Better", "d": "Best"}
    for name, title in titles.items():
        store.put(article(name, title))
    deadly = reader_with_fake(Watched(fake_encoder, refuse("poison", Died)))
    for _ in range(3):
        die(store, deadly, tmp_path / "in-hand")
    Indexer(store, deadly, tmp_path / "in-hand").drain()
    assert [letter.id for letter in store.queue.dead_letters()] == ["b"]
    assert sorted(read_in_order(store)) == ["a", "c", "d"]


@pytest.mark.parametrize("left", ["", "{", '{"a": ', "[]", "7", '{"a": "x"}', '{"nobody": 3}'])
def test_a_file_that_was_cut_off_in_the_middle_is_passed_over(
    store: ArticleStore, reader_with_fake: Readers, tmp_path: Path, left: str
) -> None:
    (tmp_path / "in-hand").write_text(left)
    store.put(article("a"))
    assert Indexer(store, reader_with_fake(), tmp_path / "in-hand").drain() == 1
    assert read_in_order(store) == ["a"]
    assert not (tmp_path / "in-hand").exists()


def test_a_text_written_anew_since_the_death_is_not_blamed(
    store: ArticleStore, reader_with_fake: Readers, fake_encoder: Encoder, tmp_path: Path
) -> None:
    deadly = reader_with_fake(Watched(fake_encoder, refuse("poison", Died)))
    for number in range(3):
        store.put(article("a", f"poison {number}"))
        die(store, deadly, tmp_path / "in-hand")
    store.put(article("a", "Good"))
    assert Indexer(store, deadly, tmp_path / "in-hand").drain() == 1
    assert store.queue.dead_letters() == []


@dataclass
class Numberless:
    """An encoder that gives what is no number for texts with a word."""

    inner: Encoder
    word: str
    asked: int = 0

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        rows = self.inner.encode(texts, advance)
        bad = [self.word in text for text in texts]
        self.asked += any(bad)
        rows[bad, 3] = np.nan
        return rows


@pytest.mark.parametrize("bulk", [True, False])
def test_a_vector_that_holds_no_numbers_parks_its_article_and_costs_no_other(
    store: ArticleStore,
    reader_with_fake: Readers,
    fake_encoder: Encoder,
    fake_model: Model,
    *,
    bulk: bool,
) -> None:
    titles = {"a": "Good", "b": "poison", "c": "Better"}
    articles = [article(name, title) for name, title in titles.items()]
    store.write_many(articles, bulk=bulk)
    encoder = Numberless(fake_encoder, "poison")
    Indexer(store, reader_with_fake(encoder)).drain()
    (letter,) = store.queue.dead_letters()
    assert (letter.id, letter.change) == ("b", 2)
    assert "a NaN" in letter.fault
    assert encoder.asked == 4  # together with the others, then three times alone
    assert sorted(read_in_order(store)) == ["a", "c"]
    hashes = {one.id: one.text_hash for one in articles}
    kept = store.features.vectors(list(hashes.values()), fake_model.fingerprint)
    assert kept.keys() == {hashes["a"], hashes["c"]}
