"""The use case: a list, and why it is as it is, for the editor who has the last word."""

from recommender.api import Dropped, RelatedList
from recommender.articles import Article
from recommender.ranking.candidates import ListRequest
from recommender.ranking.explain.dropping import dropped_from
from recommender.ranking.explain.grounds import add_grounds
from recommender.ranking.explain.texts import ReadTexts
from recommender.ranking.related import answer_to, outcome_of

__all__ = ["list_explained"]


def list_explained(
    request: ListRequest, read: ReadTexts, draft: Article | None = None
) -> RelatedList:
    """The list that answers a question, with all that its options want explained.

    Items of an explained list say what they have in common with the seed, or why that cannot be
    told; with `explain="all"` the list says too what was dropped. No text of what was dropped is
    shown. An article that shows no list drops nothing.

    Args:
        request: the question.
        read: gives texts; asked once, and only where an explanation is wanted.
        draft: the text of a seed that is not stored; one of markup alone cannot be quoted.
    """
    listed = answer_to(request)
    if not request.options.explain:
        return listed
    items = add_grounds(request.view, request.seed, listed.items, read, draft)
    if request.options.explain != "all":
        return listed.model_copy(update={"items": items})
    dropped = _dropped(listed, request)
    return listed.model_copy(update={"items": items, "dropped": dropped})


def _dropped(listed: RelatedList, request: ListRequest) -> tuple[Dropped, ...]:
    if not request.seed.lists:
        return ()
    return dropped_from(request, {item.id for item in listed.items}, outcome_of(request).removed)
