"""Rows that are found by the hashes of ids: translation groups, and articles that are named.

Links are followed over a snapshot and the rows of a delta.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import DeltaWriter, Snapshot, View
from recommender.analysis.embedding import Model
from recommender.articles import Article, hash_id
from recommender.indexing.documents import IndexedDocument, build_rows
from recommender.ranking.duplicates import rows_of_ids, rows_of_translations
from tests.support.documents import publish
from tests.support.properties import examples

MODEL = Model("fake", Path(), "fake-1", None)
NAMES = "abcdefgh"

Links = Mapping[str, str | None]
"""By article, the id of the article that it translates, if any."""

FIRST: Links = {"a": None, "b": "a", "c": "b", "d": "g:1", "e": "g:1", "f": "f"}


def rows_for(links: Links) -> list[IndexedDocument]:
    return [
        IndexedDocument(Article(id=name, title="T", translation_of=of), None, 1, up_to_date=False)
        for name, of in sorted(links.items())
    ]


def after(snapshot: Snapshot, *steps: tuple[Links, set[str]]) -> View:
    delta_writer = DeltaWriter(View.of(snapshot))
    for links, gone in steps:
        delta_writer.apply(build_rows(rows_for(links), MODEL, dim=2), gone)
    return delta_writer.view


def rows_with(view: View, *names: str) -> list[str]:
    found = rows_of_translations(view, {hash_id(name) for name in names})
    assert (np.diff(found) > 0).all()
    return sorted(map(view.id_of, found.tolist()))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return publish(tmp_path_factory.mktemp("first"), rows_for(FIRST), MODEL)


STEPS = st.lists(
    st.tuples(
        st.dictionaries(
            st.sampled_from(NAMES), st.none() | st.sampled_from([*NAMES, "g:1", "g:2"]), max_size=4
        ),
        st.sets(st.sampled_from(NAMES), max_size=2),
    ),
    max_size=4,
)


def by_joining(links: Links, name: str) -> list[str]:
    """Brute force: join linked groups until no link joins two groups."""
    story, before = {name}, set[str]()
    while story != before:
        before = set(story)
        for own, of in links.items():
            if {own, of or own} & story:
                story |= {own, of or own}
    return sorted(story & set(links))


@given(STEPS)
@examples(250)
def test_translations_are_those_of_brute_force(
    first: Snapshot, steps: list[tuple[dict[str, str | None], set[str]]]
) -> None:
    """Over a snapshot and its delta; removed links and links of deleted articles do not count."""
    links, taken = dict(FIRST), []
    for new, gone in steps:
        left = gone - set(new)
        taken.append((new, left))
        links = {key: of for key, of in (links | new).items() if key not in left}
    view = after(first, *taken)
    for name in (*NAMES, "g:1", "g:2", "nobody"):
        assert rows_with(view, name) == by_joining(links, name)
    assert rows_with(view) == []


@pytest.mark.parametrize("most_compared", [0, 5_000])
@given(steps=STEPS, ids=st.frozensets(st.sampled_from([*NAMES, "unknown"])))
@examples(60)
def test_the_rows_of_ids_are_those_that_each_id_has(
    first: Snapshot,
    most_compared: int,
    steps: list[tuple[Links, set[str]]],
    ids: frozenset[str],
) -> None:
    view = after(first, *((links, gone - {*links}) for links, gone in steps))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("recommender.ranking.duplicates.MOST_COMPARED", most_compared)
        found = rows_of_ids(view, ids)
    assert {view.id_of(row) for row in found.tolist()} <= ids
    present = found[view.present[found]].tolist()
    assert sorted(present) == sorted(row for one in ids if (row := view.row_of(one)) is not None)
