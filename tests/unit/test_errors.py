"""The error tree: the classes are as the docstring draws them."""

import inspect
import re

import pytest

from recommender import errors
from recommender.errors import (
    BadInput,
    DeletedArticle,
    FieldFault,
    InvalidArticle,
    StaleVersion,
    UnknownArticle,
)

_BRANCH = re.compile(r"(?P<indent>[| ]*)[|`]-- (?P<name>\w+) +(?P<meaning>.+)")


def error_classes() -> dict[str, type]:
    return {
        name: kind
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if kind.__module__ == errors.__name__
    }


def drawn_parents() -> dict[str, str]:
    """By name of each drawn class, the name of its base class."""
    path = ["ReadAlsoError"]
    parents = {}
    for line in (errors.__doc__ or "").splitlines():
        if branch := _BRANCH.fullmatch(line):
            depth = len(branch["indent"]) // 4
            path = [*path[: depth + 1], branch["name"]]
            parents[branch["name"]] = path[depth]
    return parents


def test_all_is_exactly_the_public_classes_in_order() -> None:
    public = sorted(name for name in error_classes() if not name.startswith("_"))
    assert errors.__all__ == public


def test_the_drawn_tree_is_the_tree_of_classes() -> None:
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in error_classes().items()
        if issubclass(kind, Exception) and kind is not errors.ReadAlsoError
    }
    assert drawn_parents() == real


def test_the_root_is_an_exception_and_nothing_else() -> None:
    assert errors.ReadAlsoError.__bases__ == (Exception,)


FAULTS = (FieldFault("/id", "too long"), FieldFault("", "not JSON"))


@pytest.mark.parametrize(
    ("error", "faults", "said"),
    [
        (BadInput("not found"), (), "not found"),
        (InvalidArticle("not valid", FAULTS), FAULTS, "not valid; /id: too long; /: not JSON"),
    ],
)
def test_bad_input_says_its_summary_and_every_fault(
    error: BadInput, faults: tuple[FieldFault, ...], said: str
) -> None:
    assert str(error) == said
    assert (error.summary, error.faults) == (said.partition(";")[0], faults)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnknownArticle("a-1"), ("'a-1'", "PUT /v1/articles/a-1")),
        (DeletedArticle("a-1"), ("'a-1'", "deleted", "push it again")),
        (StaleVersion("a-1", 3, 7), ("'a-1'", "version 3", "push version 7 or a newer")),
    ],
)
def test_a_message_names_the_thing_and_the_remedy(error: Exception, said: tuple[str, ...]) -> None:
    assert [part for part in said if part not in str(error)] == []
