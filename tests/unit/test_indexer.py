"""The indexer: the order of its work; a bad text does not stop other texts."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
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
from recommender.errors import CallerLeft, ModelRefused, StoreUnusable
from recommender.indexing.indexer import MOST_IN_A_ROW, Indexer, UrgencyLock
from recommender.progress import Advance
from recommender.settings import Settings
from recommender.store import ArticleStore, DeadLetter, QueueLength, TextQueue, open_store
from tests.support.archives import HashedWords
from tests.support.stores import log_of

Before = Callable[[Sequence[str]], object]
MakeIndexer = Callable[..., Indexer]


PATIENCE_SECONDS = 30.0


class Died(BaseException):
    """The process has ended, as after a kill by the kernel."""


@dataclass
class Watched:
    """An encoder that records the texts it encodes, and does something before it answers.

    For texts with the word `numberless` it gives what is no number.
    """

    before: Before = lambda _: None
    encoded: list[str] = field(default_factory=list)

    def encode(self, texts: Sequence[str], advance: Advance) -> NDArray[np.float32]:
        self.encoded += texts
        self.before(texts)
        rows = HashedWords().encode(texts, advance)
        rows[["numberless" in text for text in texts], 3] = np.nan
        return rows


def refuse(word: str, error: type[BaseException] = ValueError) -> Before:
    def check(texts: Sequence[str]) -> None:
        if any(word in text for text in texts):
            raise error(f"{word} is no word")

    return check


@pytest.fixture
def store(bare: Settings) -> Iterator[ArticleStore]:
    with closing(open_store(bare.database_url)) as opened:
        yield opened


@pytest.fixture
def in_hand(tmp_path: Path) -> Path:
    return tmp_path / "in-hand"


@pytest.fixture
def indexer_with(
    store: ArticleStore, reader_with_fake: Callable[..., Analyzer], in_hand: Path
) -> MakeIndexer:
    """An indexer whose encoder is watched: `indexer_with(before)`, `indexer_with(encoder=...)`."""

    def make(before: Before = lambda _: None, *, encoder: Encoder | None = None) -> Indexer:
        return Indexer(store, reader_with_fake(encoder or Watched(before)), in_hand)

    return make


def article(article_id: str, title: str | None = None, **fields: object) -> Article:
    named = {"id": article_id, "title": f"About {article_id}" if title is None else title}
    return Article.model_validate(named | fields)


def put(store: ArticleStore, titles: dict[str, str]) -> dict[str, int]:
    """Write articles one by one; by id the number of the change."""
    return {name: store.put(article(name, title)).change for name, title in titles.items()}


def read_in_order(store: ArticleStore) -> list[str]:
    return [change.article_id for change in log_of(store) if change.kind == "read"]


def dead_letters(store: ArticleStore) -> list[str]:
    return [letter.id for letter in store.queue.dead_letters()]


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


# --- order and result ---


def test_single_writes_are_read_before_bulk_loads(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    store.write_many([article(f"bulk-{at}") for at in range(3)])
    store.put(article("single"))
    indexer = indexer_with()
    assert indexer.step() == 1
    assert read_in_order(store) == ["single"]
    assert indexer.drain() == 3
    assert read_in_order(store) == ["single", "bulk-0", "bulk-1", "bulk-2"]
    assert store.queue.length() == QueueLength(0, 0, 0)


def test_a_single_write_during_a_bulk_load_is_read_before_that_is_done(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    bulk = [f"bulk-{at:02}" for at in range(12)]
    store.write_many([article(name) for name in bulk])

    def write(texts: Sequence[str]) -> None:
        if any("bulk" in text for text in texts):
            store.put(article("single"))

    indexer_with(write).drain()
    assert read_in_order(store) == ["single", *bulk]


def test_what_is_waited_for_and_the_newest_overtake_and_the_oldest_go_on(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    put(store, {f"a{at}": f"Text {at}" for at in range(6)})
    store.put(article("waited"), awaited=True)
    put(store, {"b0": "Text b0", "b1": "Text b1"})
    assert indexer_with().drain() == 9
    steps = [["a0", "a1", "waited", "b1"], ["a2", "a3", "a5", "b0"], ["a4"]]
    assert read_in_order(store) == [name for step in steps for name in step]


def test_a_stream_of_single_writes_does_not_starve_a_bulk_load(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    store.write_many([article(f"bulk-{at}") for at in range(4)])
    written = iter(range(1_000))

    def write(_: Sequence[str]) -> None:
        put(store, {f"single-{next(written)}": f"Text {next(written)}" for _ in range(5)})

    indexer = indexer_with(write)
    write(())
    for _ in range(MOST_IN_A_ROW + 1):
        indexer.step()
    read = read_in_order(store)
    assert {"bulk-0", "bulk-1", "bulk-2", "bulk-3"} <= set(read)
    assert store.queue.length().single > 0


def test_the_stored_features_are_those_of_the_analyzer(
    store: ArticleStore, indexer_with: MakeIndexer, fake_encoder: Encoder, fake_model: Model
) -> None:
    one = article("a", "Harbour crane", summary="A ship", body="The quay.\n\nThe dock.")
    store.put(one)
    indexer_with().drain()
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
    store: ArticleStore, indexer_with: MakeIndexer, fake_model: Model
) -> None:
    marked = article("a", "Harbour", body_html="<p>A <b>ship</b></p>")
    plain = article("b", "Harbour", body="A ship")
    store.write_many([marked, plain])
    indexer_with().drain()
    hashes = [marked.text_hash, plain.text_hash]
    assert store.features.texts(hashes, MARKUP_VERSION) == {marked.text_hash: "A ship"}
    terms = store.features.terms(hashes, ANALYZER_VERSION)
    one, two = (terms[key].buckets.tolist() for key in hashes)
    assert one == two
    vectors = store.features.vectors(hashes, fake_model.fingerprint)
    np.testing.assert_array_equal(vectors[marked.text_hash], vectors[plain.text_hash])
    assert store.get("a") == marked


def test_a_text_is_embedded_once_for_all_articles_that_have_it(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    """For two that wait together, and for one that comes later."""
    watched = Watched()
    indexer = indexer_with(encoder=watched)
    put(store, {"a": "One text", "b": "One text"})
    assert indexer.step() == 2
    put(store, {"c": "One text"})
    assert indexer.step() == 1
    assert (watched.encoded, read_in_order(store)) == (["One text"], ["a", "b", "c"])


def test_a_text_that_changed_while_it_was_read_still_waits(
    store: ArticleStore, indexer_with: MakeIndexer, fake_model: Model
) -> None:
    newer = article("a", "The newer text")

    def change(texts: Sequence[str]) -> None:
        if "The older text" in texts:
            store.put(newer)

    put(store, {"a": "The older text"})
    indexer = indexer_with(change)
    assert indexer.step() == 1
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert read_in_order(store) == []
    assert indexer.step() == 1
    assert store.queue.length() == QueueLength(0, 0, 0)
    with store.scan() as view:
        assert [stored.read_hash for stored in view] == [newer.text_hash]
    hashes = [newer.text_hash]
    assert list(store.features.vectors(hashes, fake_model.fingerprint)) == hashes


def test_an_article_that_was_deleted_while_it_was_read_stays_deleted(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    store.put(article("a"))
    indexer_with(lambda _: store.delete("a")).drain()
    assert [change.kind for change in log_of(store)] == ["upsert", "delete"]


# --- a text that cannot be read ---


@pytest.mark.long
def test_a_bad_article_is_tried_alone_and_a_dead_letter_after_three_failures(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    put(store, {"a": "Good", "b": "A poison pill", "c": "Better", "d": "Best"})
    watched = Watched(refuse("poison"))
    indexer = indexer_with(encoder=watched)
    assert indexer.step() == 4
    assert read_in_order(store) == ["a", "c", "d"]
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert [indexer.step() for _ in range(3)] == [1, 1, 0]
    assert store.queue.length() == QueueLength(0, 0, 1)
    times = watched.encoded.count("A poison pill")
    assert times == 4  # together with the others, then three times alone
    store.put(article("e", "Later"))
    assert indexer.drain() == 1
    assert read_in_order(store) == ["a", "c", "d", "e"]
    assert watched.encoded.count("A poison pill") == times


@pytest.mark.parametrize("bulk", [True, False], ids=["of a bulk load", "of single writes"])
@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        pytest.param({"title": "poison"}, "ValueError: poison is no word", id="text"),
        pytest.param(
            {"body_html": "<poison>"}, "UnreadableMarkup: took more than 2 s", id="markup"
        ),
        pytest.param(
            {"title": "numberless"},
            "ValueError: the encoder gave a vector with a NaN or an infinity",
            id="vector",
        ),
    ],
)
def test_only_the_bad_article_becomes_a_dead_letter_with_its_fault(
    store: ArticleStore,
    indexer_with: MakeIndexer,
    fake_model: Model,
    bad: dict[str, str],
    fault: str,
    *,
    bulk: bool,
) -> None:
    articles = [article(f"{at:02}", **(bad if at == 5 else {})) for at in range(20)]
    store.write_many(articles, bulk=bulk)
    indexer_with(refuse("poison")).drain()
    assert store.queue.dead_letters() == [DeadLetter("05", 6, fault)]
    good = [one for one in articles if one.id != "05"]
    assert sorted(read_in_order(store)) == [one.id for one in good]
    hashes = [one.text_hash for one in articles]
    kept = store.features.vectors(hashes, fake_model.fingerprint)
    assert kept.keys() == {one.text_hash for one in good}


def test_a_dead_letter_that_is_written_again_is_read(
    store: ArticleStore, indexer_with: MakeIndexer
) -> None:
    indexer = indexer_with(refuse("poison"))
    put(store, {"a": "poison"})
    indexer.drain()
    assert dead_letters(store) == ["a"]
    put(store, {"a": "Fine"})
    assert indexer.drain() == 1
    assert (read_in_order(store), dead_letters(store)) == (["a"], [])


@pytest.mark.parametrize("words", ["NUL \x00", "half of a pair \ud800", "long " * 10_000])
def test_an_article_becomes_a_dead_letter_whatever_its_fault_says(
    store: ArticleStore, indexer_with: MakeIndexer, words: str
) -> None:
    def fail(_: Sequence[str]) -> None:
        raise ValueError(words)

    store.put(article("a"))
    indexer_with(fail).drain()
    assert dead_letters(store) == ["a"]


# --- a machine that cannot read ---


@pytest.mark.parametrize(
    ("owner", "call", "error"),
    [
        pytest.param(TextQueue, "acknowledge", StoreUnusable("the disk is full"), id="store"),
        pytest.param(Watched, "encode", OSError(12, "Cannot allocate memory"), id="memory"),
        pytest.param(Path, "write_text", OSError(28, "No space left on device"), id="disk"),
    ],
)
@pytest.mark.parametrize("ids", [["a"], ["a", "b"]], ids=["alone", "together"])
def test_a_machine_that_fails_blames_no_article(
    store: ArticleStore,
    indexer_with: MakeIndexer,
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
    call: str,
    error: Exception,
    ids: list[str],
) -> None:
    """However often it fails."""

    def fail(*_: object, **__: object) -> None:
        raise error

    for name in ids:
        store.put(article(name))
    indexer = indexer_with()
    with monkeypatch.context() as patch:
        patch.setattr(owner, call, fail)
        for _ in range(3):
            with pytest.raises(type(error)):
                indexer.step()
    waiting = store.queue.next(9, bulk=False)
    assert [(one.article.id, one.attempts) for one in waiting] == [(name, 0) for name in ids]
    assert indexer.drain() == len(ids)


def test_a_model_that_cannot_be_loaded_blames_no_article(
    store: ArticleStore, indexer_with: MakeIndexer, fake_model: Model
) -> None:
    def refuse_model(_: Model) -> Encoder:
        raise ModelRefused("the weights are not the pinned ones")

    store.put(article("a"))
    indexer = Indexer(store, Analyzer(fake_model, refuse_model, str.strip))
    for _ in range(3):
        with pytest.raises(ModelRefused):
            indexer.step()
    assert store.queue.length() == QueueLength(1, 0, 0)
    assert indexer_with().drain() == 1


# --- a process that dies ---


@pytest.fixture
def die(indexer_with: MakeIndexer) -> Callable[[], None]:
    """Start an indexer that dies at a text with the word `poison`."""

    def run() -> None:
        with pytest.raises(Died):
            indexer_with(refuse("poison", Died)).drain()

    return run


def test_only_the_article_being_read_at_three_deaths_becomes_a_dead_letter(
    store: ArticleStore, indexer_with: MakeIndexer, die: Callable[[], None], in_hand: Path
) -> None:
    changes = put(store, {"a": "Good", "b": "poison", "c": "Better", "d": "Best"})
    die()
    assert json.loads(in_hand.read_text()) == changes
    for _ in range(2):
        die()
        assert json.loads(in_hand.read_text()) == {"b": changes["b"]}
    indexer = indexer_with(refuse("poison", Died))
    indexer.drain()
    fault = "the indexer died while reading it"
    assert store.queue.dead_letters() == [DeadLetter("b", changes["b"], fault)]
    assert not in_hand.exists()
    assert sorted(read_in_order(store)) == ["a", "c", "d"]


def test_articles_written_between_deaths_are_not_blamed(
    store: ArticleStore, indexer_with: MakeIndexer, die: Callable[[], None]
) -> None:
    """A text that was being read at a death is then read alone."""
    put(store, {"a": "poison"})
    for number in range(3):
        put(store, {f"b{number}": f"Good {number}"})
        die()
    indexer_with(refuse("poison", Died)).drain()
    assert dead_letters(store) == ["a"]
    assert set(read_in_order(store)) == {"b0", "b1", "b2"}


def test_one_death_counts_as_one_failure_of_an_article(
    store: ArticleStore, indexer_with: MakeIndexer, die: Callable[[], None], in_hand: Path
) -> None:
    put(store, {"a": "poison"})
    die()
    assert indexer_with().drain() == 1
    assert read_in_order(store) == ["a"]
    assert not in_hand.exists()


def test_a_text_written_again_after_the_death_is_not_blamed(
    store: ArticleStore, indexer_with: MakeIndexer, die: Callable[[], None]
) -> None:
    for number in range(3):
        put(store, {"a": f"poison {number}"})
        die()
    put(store, {"a": "Good"})
    assert indexer_with(refuse("poison", Died)).drain() == 1
    assert dead_letters(store) == []


@pytest.mark.parametrize("left", ["", "{", '{"a": ', "[]", "7", '{"a": "x"}', '{"nobody": 3}'])
def test_a_truncated_file_of_the_batch_in_hand_is_ignored(
    store: ArticleStore, indexer_with: MakeIndexer, in_hand: Path, left: str
) -> None:
    in_hand.write_text(left)
    store.put(article("a"))
    assert indexer_with().drain() == 1
    assert read_in_order(store) == ["a"]
    assert not in_hand.exists()


# --- drafts ---


def test_who_is_in_a_hurry_holds_the_lock_before_all_who_wait() -> None:
    lock, order = UrgencyLock(), list[str]()

    def work(name: str, *, urgent: bool) -> None:
        with lock.hold(urgent=urgent):
            order.append(name)

    with ThreadPoolExecutor(8) as pool:
        with lock.hold(urgent=False):
            calm = [pool.submit(work, "calm", urgent=False) for _ in range(5)]
            hasty = [pool.submit(work, "hasty", urgent=True) for _ in range(2)]
            wait_for(lambda: lock.waiting == 2)
            assert order == []
        for each in calm + hasty:
            each.result(PATIENCE_SECONDS)
    assert order == ["hasty"] * 2 + ["calm"] * 5
    assert lock.waiting == 0


def test_a_single_write_waits_for_one_part_of_a_draft_and_for_no_other_draft(
    store: ArticleStore, indexer_with: MakeIndexer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight drafts delayed a write by two seconds."""
    begun, go_on = threading.Event(), threading.Event()
    locks = [UrgencyLock(), UrgencyLock()]
    monkeypatch.setattr("recommender.indexing.indexer.UrgencyLock", iter(locks * 2).__next__)

    def hold_back(texts: Sequence[str]) -> None:
        if not begun.is_set() and any("draft" in text for text in texts):
            begun.set()
            assert go_on.wait(PATIENCE_SECONDS)

    watched = Watched(hold_back)
    indexer = indexer_with(encoder=watched)
    long = "\n\n".join(f"The draft has a part {part}. " + "word " * 200 for part in range(12))
    with ThreadPoolExecutor(8) as pool:
        draft = article("d", "The draft", body=long)
        drafts = [pool.submit(indexer.read_draft, draft) for _ in range(4)]
        assert begun.wait(PATIENCE_SECONDS)
        store.put(article("news", "The news"))
        written = pool.submit(indexer.step)
        wait_for(lambda: any(lock.waiting for lock in locks))
        before = len(watched.encoded)
        go_on.set()
        assert written.result(PATIENCE_SECONDS) == 1
        assert "The news" in watched.encoded[before]
        alone = indexer_with().read_draft(draft)
        for each in drafts:
            vectors = [one.features.embedding for one in (each.result(PATIENCE_SECONDS), alone)]
            first, second = (one.unit_vector for one in vectors if one is not None)
            np.testing.assert_allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("fields", [{}, {"body_html": "<p>One.</p>"}])
def test_a_draft_that_nobody_waits_for_is_not_computed(
    indexer_with: MakeIndexer, fields: dict[str, str]
) -> None:
    watched = Watched()
    with pytest.raises(CallerLeft):
        indexer_with(encoder=watched).read_draft(article("d", **fields), lambda: False)
    assert watched.encoded == []
