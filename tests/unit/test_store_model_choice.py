"""The choice of a model in the store, run on each store."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from recommender.store import ArticleStore, ModelChoice

OPEN = ModelChoice("bundled", "until the first rebuild", final=False)
ENGLISH = ModelChoice("bundled", "en 100 %", final=True)
MIXED = ModelChoice("multilingual", "ru 60 %, «tg» 40 %", final=True)


@pytest.mark.postgresql_daily
def test_a_final_choice_stays_until_it_is_made_anew(
    store: ArticleStore, reopen: Callable[..., ArticleStore]
) -> None:
    before = store.state()
    assert store.model_choices.get() is None
    assert store.model_choices.keep(OPEN) == OPEN
    assert store.model_choices.keep(MIXED) == MIXED
    assert store.model_choices.keep(ENGLISH) == MIXED
    assert reopen().model_choices.get() == MIXED
    assert store.model_choices.keep(ENGLISH, anew=True) == ENGLISH
    assert store.model_choices.get() == ENGLISH
    assert store.state() == before


def test_of_two_that_choose_at_once_the_first_decides(
    store: ArticleStore, reopen: Callable[..., ArticleStore]
) -> None:
    with ThreadPoolExecutor(2) as threads:
        keepers = [store.model_choices.keep, reopen().model_choices.keep]
        kept = list(threads.map(lambda keep, one: keep(one), keepers, [ENGLISH, MIXED]))
    assert kept[0] == kept[1] == store.model_choices.get()
