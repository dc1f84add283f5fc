"""The dev sets: what is measured on each, with which encoder, and the bars."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from benchmarks.bbc_news import read_articles
from recommender.analysis.embedding import find_model
from recommender.cli.terminal import bar
from recommender.encoding_settings import EncodingSettings
from recommender.evaluation import Bench, Dataset, open_bench, read_dataset

__all__ = ["DEV_SETS", "HALVES", "LISTS", "PARALLEL", "DevSet", "open_dev_set"]

LISTS: Final = "wikinews-events"
PARALLEL: Final = "ntrex"
HALVES: Final = "ntrex-halves"
SAMPLE: Final = Path("recommender", "sample")


@dataclass(frozen=True, slots=True)
class DevSet:
    """A data set, and what is measured on it.

    Attributes:
        name: as the tables show it; also the folder of its cached vectors.
        folder: the folder of its files, below that of all data sets.
        measure: of lists `nDCG@5`, `nDCG@10` or `P@1`; of pairs `Pearson` or `AUC`.
        encoder: `bundled` or `multilingual`.
        least: the bar of the shipped policy.
        most_behind: the bar of how far it may be behind the best single signal.
        texts: sets with one name here share texts, so that they are left out together.
        qrels: the file of the judgments of lists.
        language: as in `open_bench`.
        among_bbc: whether the BBC texts are distractors.
        slow: whether embedding it takes half an hour.
    """

    name: str
    folder: str
    measure: str
    encoder: str
    least: float
    most_behind: float = 0.0
    texts: str = ""
    qrels: str = "qrels.txt"
    language: Literal["same", "any"] = "same"
    among_bbc: bool = False
    slow: bool = False

    @property
    def family(self) -> str:
        """The name of the sets that share its texts."""
        return self.texts or self.folder

    @property
    def has_lists(self) -> bool:
        """Whether lists are measured; else it is scores of pairs."""
        return self.measure not in {"Pearson", "Spearman", "AUC"}

    def judgments(self, folder: Path) -> Path:
        """The file of its judgments, below the folder of all data sets."""
        return self._place(folder) / (self.qrels if self.has_lists else "pairs.tsv")

    def read(self, folder: Path, cache: Path) -> Dataset:
        """Read its files from below the folder of all data sets."""
        qrels = self.judgments(folder) if self.has_lists else None
        among = _bbc(cache) if self.among_bbc else None
        return read_dataset(self._place(folder), qrels=qrels, distractors=among)

    def _place(self, folder: Path) -> Path:
        return SAMPLE if self.folder == "sample" else folder / self.folder


DEV_SETS: Final = (
    DevSet(LISTS, LISTS, "nDCG@5", "bundled", 0.865),
    DevSet(f"{LISTS}-among-bbc", LISTS, "nDCG@5", "bundled", 0.848, among_bbc=True),
    DevSet("search-briefs", "search-briefs", "nDCG@10", "bundled", 0.626),
    DevSet("sample", "sample", "nDCG@5", "bundled", 0.768),
    DevSet("lee", "lee", "Pearson", "bundled", 0.735),
    DevSet("tgcontest-ru-dev", "tgcontest-ru-dev", "AUC", "multilingual", 0.913, 0.01),
    DevSet(
        name=f"{PARALLEL}-multilingual",
        folder=PARALLEL,
        measure="nDCG@10",
        encoder="multilingual",
        least=0.98,
        texts=PARALLEL,
        qrels="qrels_crosslingual.txt",
        language="any",
        slow=True,
    ),
    DevSet(f"{HALVES}-bundled", HALVES, "P@1", "bundled", 0.912, texts=PARALLEL),
    DevSet(
        f"{HALVES}-multilingual", HALVES, "P@1", "multilingual", 0.908, texts=PARALLEL, slow=True
    ),
)
"""Bars of halves are the measured values of the first weights: they may not get worse."""


@contextmanager
def open_dev_set(
    dev_set: DevSet, folder: Path, cache: Path, encoder: str | None = None, titles: str = ""
) -> Iterator[Bench]:
    """Build its snapshot and open it.

    Args:
        dev_set: what to open.
        folder: of all data sets.
        cache: keeps vectors.
        encoder: replaces the one of the table.
        titles: reads titles and leads besides, if the encoder is the bundled one.
    """
    name = encoder or dev_set.encoder
    encoding = EncodingSettings(title_model=titles if name == "bundled" else "")
    dataset, model = dev_set.read(folder, cache), find_model(name, cache, encoding)
    kept = cache / f"{dev_set.name}{'' if model.titles is None else '-two'}"
    with open_bench(dataset, model, bar, cache=kept, language=dev_set.language) as bench:
        yield bench


def _bbc(cache: Path) -> Path:
    """The BBC texts as a file of articles."""
    path = cache / "distractors.jsonl"
    path.write_text("".join(f"{article.to_json()}\n" for article in read_articles()), "utf-8")
    return path
