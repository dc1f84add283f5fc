"""Tunes the encoder in use on the archive's own pairs, and keeps the result only if it is better.

Nothing that is served changes: the result is a folder, and an operator names it in the settings.
"""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import locked, make_folder
from recommender.analysis.analyzer import detect_language_of
from recommender.analysis.article_texts import ArticleTexts
from recommender.analysis.embedding import Model, Tuner
from recommender.analysis.embedding.loading import load_encoder, load_tuner
from recommender.analysis.html.sandbox import LINKS, Sandbox
from recommender.analysis.minhash import MINHASH_SIZE, compute_minhash, estimate_jaccard
from recommender.articles import Article, primary_language
from recommender.errors import BadSource
from recommender.evaluation.links import read_links
from recommender.evaluation.runs import plain_articles
from recommender.indexing.backfill import analyze_texts
from recommender.operations.held_back import (
    HeldBackRanks,
    TuningComparison,
    embed_articles,
    judge_tuning,
    own_body_loss,
)
from recommender.operations.training_pairs import (
    BATCH,
    HeldApart,
    TunableArticle,
    draw_batches,
    draw_key,
    hold_back,
)
from recommender.operations.tuned_model import find_tuned, keep_model, written_aside
from recommender.operations.tuning_run import (
    Checkpoint,
    Stopwatch,
    TuningProgress,
    identify_tuning,
    tune,
)
from recommender.progress import Meter
from recommender.ranking.duplicates import number_text_clusters
from recommender.ranking.overrides import parse_overrides
from recommender.ranking.policy import Policy
from recommender.settings import DataFolder
from recommender.store import ArticleStore

__all__ = ["Adapted", "Archive", "adapt", "gather_archive"]

LEAST_ARTICLES: Final = 200
"""With fewer, too few are held back to show anything."""
MOST_ARTICLES: Final = 20_000
"""More are not read in an hour on two cores."""
PASSES: Final = 3

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Adapted:
    """The result of an adaptation.

    Attributes:
        compared: the tuned encoder beside the one in use.
        progress: how the tuning went.
        refused: why the tuned encoder is not kept; None if it is.
        folder: where it is; None if it is not kept.
    """

    compared: TuningComparison
    progress: TuningProgress
    refused: str | None
    folder: Path | None


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive gives to tune and to measure with.

    Attributes:
        parts: its articles, some of them held back.
        related: by article id, those that its editors link to or pin.
    """

    parts: HeldApart
    related: Mapping[str, Sequence[str]]

    @property
    def tested_relations(self) -> dict[int, list[int]]:
        """The links and pins among the tested articles, by place."""
        places = {article.id: at for at, article in enumerate(self.parts.tests)}
        found = {
            at: [places[one] for one in self.related.get(article_id, ()) if one in places]
            for article_id, at in places.items()
        }
        return {at: targets for at, targets in found.items() if targets}


def adapt(
    store: ArticleStore, model: Model, data: DataFolder, meter: Meter, say: Say, *, minutes: float
) -> Adapted:
    """Tune a model on the pairs of an archive, measure it on others, and keep it if it wins.

    If this is interrupted, the next call goes on from the last check.

    Args:
        store: has the articles, their links and pins.
        model: the one in use; it stays as it is.
        data: the tuned model is written among its models.
        meter: shows the progress.
        say: prints a line.
        minutes: that measuring and tuning may take; reading the archive is not counted.

    Raises:
        ModelRefused: the model cannot be tuned.
        BadSource: there are too few articles.
        Locked: another adaptation runs.
    """
    make_folder(data.models)
    with locked(data.models / ".adapting.lock", "another adaptation is at work; wait for its end"):
        tuner = load_tuner(model, meter)
        archive = gather_archive(store, model, meter)
        say(_summary(model, archive))
        return _Adaptation(model, archive, data.models, meter).run(tuner, 60 * minutes)


def _summary(model: Model, archive: Archive) -> str:
    parts = archive.parts
    return (
        f"{model.name}: {len(parts.training)} articles to tune with, {len(parts.checks)} for "
        f"checks meanwhile, {len(parts.tests)} held back for the test; "
        f"{len(archive.related)} articles with links or pins"
    )


def gather_archive(store: ArticleStore, model: Model, meter: Meter) -> Archive:
    """Read the articles that a model can be tuned with, and what editors link to and pin.

    Raises:
        BadSource: there are too few.
    """
    with Sandbox() as markup:
        analyze_texts(store, markup.read, meter)
    articles = _tunable(plain_articles(store), model)
    if len(articles) < LEAST_ARTICLES:
        raise BadSource(
            f"only {len(articles)} articles have a title and a body in a language that "
            f"{model.name} supports and repeat no other; adapt needs {LEAST_ARTICLES}: import more"
        )
    with Sandbox(LINKS) as links:
        related = read_links(store, links.read, meter).targets
    for article_id, pinned in _pins(store):
        related[article_id] = list(dict.fromkeys([*related.get(article_id, ()), *pinned]))
    return Archive(hold_back(articles), related)


def _tunable(articles: Iterable[Article], model: Model) -> list[TunableArticle]:
    """The articles to tune and measure with, without near-duplicates, by ascending key."""
    fit = ((one, texts) for one in articles if (texts := _as_tunable(one, model)) is not None)
    drawn = heapq.nsmallest(MOST_ARTICLES, fit, key=lambda both: draw_key(both[1].id))
    minhashes = np.array([compute_minhash(one) for one, _ in drawn]).reshape(-1, MINHASH_SIZE)
    return [drawn[at][1] for at in _without_repeats(minhashes)]


def _without_repeats(minhashes: NDArray[np.uint16]) -> list[int]:
    """The places of texts (uint16 [n, MINHASH_SIZE]) that repeat none before them."""
    overlap, kept = Policy().duplicate_overlap, defaultdict[int, list[int]](list)
    for at, cluster in enumerate(number_text_clusters(minhashes).tolist()):
        before = minhashes[kept[cluster]]
        if estimate_jaccard(minhashes[at], before).max(initial=0.0) < overlap:
            kept[cluster].append(at)
    return sorted(at for places in kept.values() for at in places)


def _as_tunable(article: Article, model: Model) -> TunableArticle | None:
    texts = ArticleTexts.of(article)
    if not (texts.title and texts.body):
        return None
    language = primary_language(article.language) or detect_language_of(article)
    return TunableArticle(article.id, language, texts) if model.supports(language) else None


def _pins(store: ArticleStore) -> Iterator[tuple[str, list[str]]]:
    for row in store.overrides.all():
        if row.kind == "pins":
            yield row.article_id, [one.id for one in parse_overrides(row.document)]


@dataclass(frozen=True, slots=True)
class _Adaptation:
    """One adaptation: the model in use, the archive, where models are, and who shows progress."""

    model: Model
    archive: Archive
    models: Path
    meter: Meter

    def run(self, tuner: Tuner, seconds: float) -> Adapted:
        """Measure, tune, measure again, decide. The two measurements take the same time."""
        clock, checkpoint = Stopwatch(), Checkpoint(self.models / ".adapting")
        before = self._rank(self.model, "measuring before")
        progress = self._tune(tuner, checkpoint, seconds - 2 * clock.elapsed)
        with written_aside(self.models / ".adapted") as aside:
            tuner.save_best(aside)
            tuned = find_tuned(aside, self.model)
            compared = TuningComparison.of(before, self._rank(tuned, "measuring after"))
            refused = judge_tuning(compared)
            figures = _figures(self.archive, progress, compared)
            folder = None if refused else keep_model(aside, tuned, self.model, figures)
        checkpoint.remove()
        return Adapted(compared, progress, refused, folder)

    def _tune(self, tuner: Tuner, checkpoint: Checkpoint, seconds: float) -> TuningProgress:
        parts = self.archive.parts
        batches = draw_batches(parts.training, self.archive.related, PASSES)
        identity = identify_tuning(self.model.fingerprint, batches)
        loss_of = partial(own_body_loss, parts.checks)
        return tune(tuner, batches, loss_of, checkpoint, identity, self.meter, seconds)

    def _rank(self, model: Model, label: str) -> HeldBackRanks:
        encoder = load_encoder(model, self.meter)
        vectors = embed_articles(self.archive.parts.tests, encoder, self.meter, label)
        return HeldBackRanks.of(vectors, self.archive.tested_relations)


def _figures(
    archive: Archive, progress: TuningProgress, compared: TuningComparison
) -> tuple[str, ...]:
    """What the card says of the tuning, a sentence each."""
    articles, steps = len(archive.parts.training), progress.best_steps
    tuned = f"Tuned with the pairs of {articles} articles, {steps} steps of at most {BATCH} pairs."
    return tuned, f"{compared}."
