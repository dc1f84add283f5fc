"""What a pull reads of a WordPress site: posts of which types; and what is stored of the site."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recommender.errors import BadSource
from recommender.sources.article_fields import as_list, first_text
from recommender.sources.wordpress.api import WordPressSite

__all__ = ["EVERYTHING_NEW", "ONLY_POSTS", "PostType", "PullScope", "find_post_types"]

_DEFAULT: Final = "post"
_NAMESPACE: Final = "wp/v2"
_BY_TAXONOMY: Final[Mapping[str, str]] = {"category": "categories", "post_tag": "tags"}


@dataclass(frozen=True, slots=True)
class PullScope:
    """What a pull reads.

    Attributes:
        post_types: names of types, such as `post` and `page`; empty for those of the last pull.
        stored_ids: called with a prefix, gives the ids of stored articles that begin so.
    """

    post_types: tuple[str, ...] = ()
    stored_ids: Callable[[str], Iterable[str]] = lambda _prefix: ()


EVERYTHING_NEW: Final = PullScope()
"""Posts, or the types of the last pull; nothing is known of the store."""


@dataclass(frozen=True, slots=True)
class PostType:
    """A type of posts.

    Attributes:
        name: `post`, `page`, or of a type that a plugin or a theme made.
        route: the name of its collection in the REST interface.
        filters: the parameters that choose its posts by a name: `categories`, `tags`, `author`.
    """

    name: str
    route: str
    filters: frozenset[str] = frozenset({*_BY_TAXONOMY.values(), "author"})


ONLY_POSTS: Final = (PostType(_DEFAULT, "posts"),)


def find_post_types(site: WordPressSite, names: Sequence[str]) -> tuple[PostType, ...]:
    """Find types by their names. The site is not asked for the usual one.

    Raises:
        BadSource: the site shows no such type.
    """
    if tuple(names) == (_DEFAULT,):
        return ONLY_POSTS
    known = _all_post_types(site)
    missing = [name for name in names if name not in known]
    if missing:
        raise BadSource(
            f"{site.home}: its REST interface shows no post type {missing[0]!r}; it shows "
            f"{', '.join(sorted(known))}. A type of a plugin or a theme needs show_in_rest"
        )
    return tuple(known[name] for name in dict.fromkeys(names))


def _all_post_types(site: WordPressSite) -> dict[str, PostType]:
    """By name, every type that the site's REST interface shows.

    Raises:
        BadSource: it does not list them.
    """
    types = (_type_of(row) for row in site.types() if isinstance(row, Mapping))
    return {one.name: one for one in types if one is not None}


def _type_of(row: Mapping[str, object]) -> PostType | None:
    """A row of `wp/v2/types`; None for a type whose posts lie elsewhere."""
    name, route = first_text(row, "slug"), first_text(row, "rest_base")
    if not name or not route or first_text(row, "rest_namespace") not in {"", _NAMESPACE}:
        return None
    taxonomies = as_list(row.get("taxonomies"))
    named = {names for taxonomy, names in _BY_TAXONOMY.items() if taxonomy in taxonomies}
    return PostType(name, route, frozenset({*named, "author"}))
