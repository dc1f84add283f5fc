"""Explanations for editors: what each item shares with the seed, and why others were dropped."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import View
from recommender.api import Dropped, Item, NoGrounds, RelatedList, Rule
from recommender.articles import Article
from recommender.display_fields import DisplayFields
from recommender.errors import StoreUnusable
from recommender.ranking.candidates import ListRequest
from recommender.ranking.filters import broken_rules
from recommender.ranking.fusion import ScoredCandidates
from recommender.ranking.related import Removed, list_of, select_items, shows_list
from recommender.ranking.scoring import Seed
from recommender.ranking.shared_text import ComparedText, compare_texts
from recommender.ranking.telling_words import telling_buckets

__all__ = [
    "DropFacts",
    "ReadTexts",
    "add_grounds",
    "dropped_from",
    "first_rule",
    "list_explained",
]

MOST_DROPPED: Final = 50
Rows = NDArray[np.int64]
ReadTexts = Callable[[Mapping[str, int]], Mapping[str, Article]]
"""By id, articles with plain text whose last change is the given one; raises StoreUnusable."""


def list_explained(
    request: ListRequest, read: ReadTexts, draft: Article | None = None
) -> RelatedList:
    """The list for a request, with every explanation that its options ask for.

    Explained items say what they have in common with the seed, or why that is unknown. With
    `explain="all"` the list also names the articles nearest to the seed that are not in it, without
    quoting them. An article that has no list drops nothing.

    Args:
        request: the request.
        read: reads texts from the store; called once for each seed, if items are to be explained.
        draft: the text of a seed that is not stored; markup cannot be quoted.
    """
    selected = select_items(request)
    listed = list_of(request, selected)
    if not request.options.explain:
        return listed
    items = _add_all_grounds(request, listed.items, read, draft)
    listed = listed.model_copy(update={"items": items})
    if request.options.explain != "all":
        return listed
    ids = {item.id for item in selected.items}  # also of the pages before
    dropped = dropped_from(request, ids, selected.removed) if shows_list(request) else ()
    return listed.model_copy(update={"dropped": dropped})


def _add_all_grounds(
    request: ListRequest, items: tuple[Item, ...], read: ReadTexts, draft: Article | None
) -> tuple[Item, ...]:
    """Add to each item what it has in common with the seed that gives it its place."""
    for seed in request.seeds:
        own = tuple(item for item in items if item.because in {None, seed.id})
        if own:
            explained = {
                item.id: item for item in add_grounds(request.view, seed, own, read, draft)
            }
            items = tuple(explained.get(item.id, item) for item in items)
    return items


def add_grounds(
    view: View,
    seed: Seed,
    items: tuple[Item, ...],
    read: ReadTexts,
    draft: Article | None = None,
) -> tuple[Item, ...]:
    """Add to the explanation of each item what it has in common with the seed.

    Args:
        view: the archive.
        seed: the article of the list.
        items: the listed items, with explanations.
        read: reads the texts of items and seed.
        draft: the text of a seed that is not stored.
    """
    ids = [item.id for item in items]
    try:
        texts = read(_changes_up_to_date(view, [seed.id, *ids] if draft is None else ids))
    except StoreUnusable:
        return tuple(_without_grounds(item, "store_away") for item in items)
    seed_text = texts.get(seed.id) if draft is None else draft
    if seed_text is None or seed_text.body_html:  # only the indexer reads markup
        return tuple(_without_grounds(item, "text_changed") for item in items)
    compared = ComparedText.of(seed_text, seed.terms, seed.passages)
    telling = _telling_by_language(view, seed, items)
    return tuple(_with_grounds(view, compared, item, texts.get(item.id), telling) for item in items)


def _changes_up_to_date(view: View, ids: list[str]) -> dict[str, int]:
    """By id, the change numbers of the articles whose present text is indexed."""
    rows = {key: row for key in ids if (row := view.row_of(key)) is not None}
    at = np.fromiter(rows.values(), np.int64, len(rows))
    columns = zip(rows, view.take("up_to_date", at), view.take("change", at), strict=True)
    return {key: int(change) for key, up_to_date, change in columns if up_to_date}


def _telling_by_language(
    view: View, seed: Seed, items: tuple[Item, ...]
) -> dict[str, frozenset[int]]:
    """By the language of an item that words were compared with, the buckets of telling words."""
    compared = [item.id for item in items if item.explanation and item.explanation.lexical_weight]
    rows = [row for row in map(view.row_of, compared) if row is not None]
    languages = {seed.language, *(view.label_of("language", row) for row in rows)}
    telling = {language: telling_buckets(view, seed, language) for language in languages}
    return {language: telling[seed.language] & words for language, words in telling.items()}


def _with_grounds(
    view: View,
    seed: ComparedText,
    item: Item,
    text: Article | None,
    telling: Mapping[str, frozenset[int]],
) -> Item:
    row, explanation = view.row_of(item.id), item.explanation
    if text is None or row is None or explanation is None:
        return _without_grounds(item, "text_changed")
    indexed = view.text_of(row)
    compared = ComparedText.of(text, indexed.terms, indexed.passages)
    words = telling.get(view.label_of("language", row), frozenset())
    grounds = compare_texts(seed, compared, explanation, words)
    explained = explanation.model_copy(update={"grounds": grounds})
    return item.model_copy(update={"explanation": explained})


def _without_grounds(item: Item, because: NoGrounds) -> Item:
    if item.explanation is None:
        return item
    explained = item.explanation.model_copy(update={"no_grounds_because": because})
    return item.model_copy(update={"explanation": explained})


@dataclass(frozen=True, slots=True)
class DropFacts:
    """Everything that decides why an article is not in a list.

    Attributes:
        translation: whether it is a translation of the seed.
        excluded: whether the request excludes it, or another list of the page shows it.
        blocked: whether an editor blocked it under the seed.
        broken: the first rule of eligibility, of the request or of the site that it breaks;
            `unlike` if it is nearer to a seed to be unlike; None for none.
        related: whether its score reaches the threshold.
        removed: the rule that removed it during selection; None for none.
    """

    translation: bool = False
    excluded: bool = False
    blocked: bool = False
    broken: Rule | None = None
    related: bool = True
    removed: Rule | None = None


def first_rule(facts: DropFacts, *, by_min_score: bool) -> Rule:
    """The first rule that keeps an article out; `limit` if it would only rank too low."""
    if facts.translation:
        return "translation"
    if facts.excluded:
        return "excluded"
    if facts.blocked:
        return "blocked"
    if facts.broken is not None:
        return facts.broken
    if not facts.related:
        return "min_score" if by_min_score else "threshold"
    return facts.removed or "limit"


def dropped_from(
    request: ListRequest,
    listed: Collection[str],
    removed: Mapping[int, Removed],
    most: int = MOST_DROPPED,
) -> tuple[Dropped, ...]:
    """The articles nearest to the seed that are not in its list, by descending score.

    The search has no filter; articles that selection removed are included.

    Args:
        request: the request.
        listed: the ids of the listed items.
        removed: by row, why selection removed it.
        most: how many at most.
    """
    view = request.view
    ranked = request.score(_near(request, removed, most + len(listed)))
    out = np.array([view.id_of(row) not in listed for row in ranked.rows.tolist()], np.bool_)
    ranked = ranked.at(out)
    nearest = np.argsort(-ranked.scores.score, kind="stable")[:most]
    by_min_score = request.options.min_score is not None
    facts = _drop_facts(request, ranked, removed)
    return tuple(
        _dropped(
            request,
            int(ranked.rows[at]),
            float(ranked.scores.score[at]),
            first_rule(facts[at], by_min_score=by_min_score),
            removed.get(int(ranked.rows[at])),
        )
        for at in nearest
    )


def _near(request: ListRequest, removed: Mapping[int, Removed], fetch: int) -> Rows:
    """Rows near the seeds, then the removed ones; without the seeds: int64 [m]."""
    every = request.view.present.copy()
    for seed in request.seeds:
        if (row := request.view.row_of(seed.id)) is not None:
            every[row] = False
    near = request.candidates(every, max(fetch, request.policy.candidates))
    others = np.array(sorted(removed), np.int64)
    return np.concatenate([near, others[~np.isin(others, near)]])


def _drop_facts(
    request: ListRequest, ranked: ScoredCandidates, removed: Mapping[int, Removed]
) -> list[DropFacts]:
    """The facts of each candidate, in their order."""
    view, rows = request.view, ranked.rows.tolist()
    translations = np.isin(ranked.rows, request.rows.translations).tolist()
    related = ranked.are_related(request.policy, request.options.min_score).tolist()
    unlike = [False] * len(rows) if ranked.seeds is None else ranked.seeds.rejected.tolist()
    broken = _broken(request, ranked.rows)
    excluded = request.shown_on_page.union(request.options.exclude)
    blocked = request.overrides.blocked
    return [
        DropFacts(
            translation=translations[at],
            excluded=view.id_of(row) in excluded,
            blocked=view.id_of(row) in blocked,
            broken=broken[at] or ("unlike" if unlike[at] else None),
            related=related[at],
            removed=removed[row].rule if row in removed else None,
        )
        for at, row in enumerate(rows)
    ]


def _broken(request: ListRequest, rows: Rows) -> list[Rule | None]:
    """The first rule that each row breaks; the parts of a view have columns of their own."""
    wanted, untitled = request.filter_of(request.options), request.policy.untitled
    broken: dict[int, Rule | None] = {}
    begin = 0
    for part in request.view.parts:
        inside = rows[(begin <= rows) & (rows < begin + len(part))]
        rules = broken_rules(part, inside - begin, request.now, wanted, untitled=untitled)
        broken |= dict(zip(inside.tolist(), rules, strict=True))
        begin += len(part)
    return [broken[row] or _broken_wish(request, row) for row in rows.tolist()]


def _broken_wish(request: ListRequest, row: int) -> Rule | None:
    """What an editor or a site rule has against a row in this list."""
    if request.view.id_of(row) in request.overrides.hidden:
        return "never_recommend"
    return "site_rule" if request.site_rules.never_lists(row) else None


def _dropped(
    request: ListRequest, row: int, score: float, rule: Rule, removed: Removed | None
) -> Dropped:
    """One dropped article; what removed it is told only if it is the rule."""
    if removed is None or removed.rule != rule:
        never = request.site_rules.never_lists(row) if rule == "site_rule" else None
        removed = Removed(rule, site_rule=never)
    return Dropped(
        id=request.view.id_of(row),
        title=DisplayFields.from_bytes(request.view.display_of(row)).title,
        score=score,
        rule=rule,
        because=removed.because,
        site_rule=removed.site_rule,
    )
