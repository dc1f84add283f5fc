"""How well the main text of web pages is extracted, compared with two simpler extractors.

    python -m benchmarks.main_text EVAL

EVAL is the folder of the data sets, or its `importers/html`. Printed are precision, recall and F1
of words against the expected texts (of characters, where a language has no spaces). Then plain
articles are put into HTML paragraphs, and the lines that are lost are printed. Exit 1 if a bar is
missed.
"""

import argparse
import html
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import trafilatura

from benchmarks.figures import Figure, report
from recommender.analysis.html.blocks import tidy
from recommender.analysis.html.sandbox import Sandbox
from recommender.analysis.html.web_page import PageReader
from recommender.errors import UnreadableMarkup
from recommender.sources.pages import decode_page

__all__ = ["main"]

FEWEST_F1: Final = 0.95
MOST_LOST: Final = 0.0005  # of the characters; look at the printed lines
UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u3040-\u30ff\u3400-\u9fff"
TOKEN: Final = re.compile(rf"[{UNSPACED}]|[^\W{UNSPACED}]+")
ADDRESS: Final = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 of a text, or their means; each 0 to 1."""

    f1: float
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"{self.f1:.4f} ({self.precision:.2f} {self.recall:.2f})"


def score(text: str, expected: str) -> Score:
    """Compare the tokens with their counts, but not their order."""
    got, wanted = tokens(text), tokens(expected)
    common = (got & wanted).total()
    precision, recall = common / max(1, got.total()), common / max(1, wanted.total())
    both = precision + recall
    return Score(2 * precision * recall / both if both else 0.0, precision, recall)


def tokens(text: str) -> Counter[str]:
    """Lower-case words; single characters of Chinese, Japanese, Thai, Lao and Burmese."""
    return Counter(found.group().casefold() for found in TOKEN.finditer(text))


def measure_pages(folder: Path) -> float:
    """Print a table of the extractors; return the mean F1 of ours."""
    totals: dict[str, list[Score]] = {}
    with Sandbox() as articles, PageReader() as pages:
        readers: Mapping[str, Callable[[str], str]] = {
            "article reader alone": partial(read_article, articles),
            "trafilatura": trafilatura_of,
            "trafilatura, precise": partial(trafilatura_of, favor_precision=True),
            "page reader": lambda page: pages.read(page).text,
        }
        print(f"{'F1 (precision recall)':24}", *(f"{name:>22}" for name in readers))
        for page, expected in judged(folder):
            text = decode_page(page.read_bytes())
            scores = {name: score(read(text), expected) for name, read in readers.items()}
            print(f"{page.stem:24}", *(f"{one!s:>22}" for one in scores.values()))
            for name, one in scores.items():
                totals.setdefault(name, []).append(one)
    means = {name: mean(scores) for name, scores in totals.items()}
    print(f"{'mean':24}", *(f"{one!s:>22}" for one in means.values()))
    return means["page reader"].f1


def judged(folder: Path) -> Iterator[tuple[Path, str]]:
    """The pages whose expected text is there."""
    for page in sorted((folder / "pages").glob("*.html")):
        text = folder / "text" / f"{page.stem}.txt"
        if text.exists():
            yield page, text.read_text()


def mean(scores: list[Score]) -> Score:
    """The means over the pages."""
    rows = [(one.f1, one.precision, one.recall) for one in scores]
    return Score(*(sum(column) / len(rows) for column in zip(*rows, strict=True)))


def read_article(reader: Sandbox, page: str) -> str:
    """Read the page as if it were the HTML of an article; "" if it is refused."""
    try:
        return reader.read(page)
    except UnreadableMarkup:
        return ""


def trafilatura_of(page: str, *, favor_precision: bool = False) -> str:
    """The text that trafilatura gives without our rules."""
    return trafilatura.extract(page, include_comments=False, favor_precision=favor_precision) or ""


def measure_losses(folder: Path) -> float:
    """Print the lines that plain articles lose; return their share of all characters."""
    lost = whole = count = 0
    with Sandbox() as reader:
        for path in sorted(folder.glob("*/articles.jsonl")):
            for line in path.read_text().splitlines():
                body = json.loads(line).get("body") or ""
                lines = [tidy(ADDRESS.sub("", one)) for one in body.splitlines()]
                paragraphs = [one for one in lines if one]
                read = reader.read("".join(f"<p>{html.escape(one)}</p>" for one in paragraphs))
                missing = list((Counter(paragraphs) - Counter(read.split("\n\n"))).elements())
                for one in missing:
                    print(f"lost: {one[:100]}")
                lost += sum(map(len, missing))
                whole += sum(map(len, paragraphs))
                count += 1
    print(f"{count} plain articles: {lost} of {whole} characters lost")
    return lost / max(1, whole)


def main() -> int:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, metavar="EVAL")
    folder: Path = parser.parse_args().folder
    pages = folder if (folder / "pages").is_dir() else folder / "importers" / "html"
    figures = [
        Figure("web pages, main text, mean F1", measure_pages(pages), FEWEST_F1),
        Figure(
            "plain articles, share of characters lost", measure_losses(folder), MOST_LOST, "most"
        ),
    ]
    return report(figures, print)


if __name__ == "__main__":
    sys.exit(main())
