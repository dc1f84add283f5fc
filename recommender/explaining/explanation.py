"""The use case: a list, and why it is as it is, for the editor who has the last word."""

from dataclasses import replace

from index import View
from recommender.articles import Article
from recommender.explaining.dropping import dropped_from
from recommender.explaining.grounds import add_grounds
from recommender.explaining.texts import ReadTexts
from recommender.inquiry import Inquiry
from recommender.policy import Policy
from recommender.recommendations import Dropped, Options, Recommendations
from recommender.related import list_related, outcome_of
from recommender.seeds import Seed

__all__ = ["list_explained"]


def list_explained(
    view: View,
    seed: Seed,
    options: Options,
    policy: Policy,
    now: float,
    read: ReadTexts,
    draft: Article | None = None,
) -> Recommendations:
    """The list under an article, with all that its options want explained; see `list_related`.

    Items of an explained list say what they have in common with the seed, or why that cannot be
    told; with `explain="all"` the list says too what was dropped. No text of what was dropped is
    shown. An article that shows no list drops nothing.

    Args:
        view: as for `list_related`, and so are the next four.
        seed: whose list it is.
        options: what is asked.
        policy: what is in force.
        now: seconds since 1970 in UTC.
        read: gives texts; asked once, and only where an explanation is wanted.
        draft: the text of a seed that is not stored; one of markup alone cannot be quoted.
    """
    listed = list_related(view, seed, options, policy, now)
    if not options.explain:
        return listed
    items = add_grounds(view, seed, listed.items, read, draft)
    if options.explain != "all":
        return replace(listed, items=items)
    dropped = _dropped(listed, Inquiry(view, seed, options, policy, now))
    return replace(listed, items=items, dropped=dropped)


def _dropped(listed: Recommendations, inquiry: Inquiry) -> tuple[Dropped, ...]:
    if not inquiry.seed.lists:
        return ()
    return dropped_from(inquiry, {item.id for item in listed.items}, outcome_of(inquiry).removed)
