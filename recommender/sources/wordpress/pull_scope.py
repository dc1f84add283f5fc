"""What a pull reads of a WordPress site, and what is stored of the site."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from recommender.errors import BadSource
from recommender.sources.article_fields import as_list, first_text
from recommender.sources.wordpress.api import WordPressSite
from recommender.sources.wordpress.taxonomies import USUAL, USUAL_ROUTES, Taxonomies

__all__ = ["EVERYTHING_NEW", "PostType", "PullScope", "SiteScope", "find_scope"]

_DEFAULT: Final = "post"
_NAMESPACE: Final = "wp/v2"


@dataclass(frozen=True, slots=True)
class PullScope:
    """What a pull reads. What is not named is as in the last pull of the site.

    Attributes:
        post_types: names of types, such as `post` and `page`.
        stored_ids: called with a prefix, gives the ids of stored articles that begin so.
        section_taxonomy: the name of the taxonomy whose terms are sections.
        tag_taxonomies: names of those whose terms are tags.
    """

    post_types: tuple[str, ...] = ()
    stored_ids: Callable[[str], Iterable[str]] = lambda _prefix: ()
    section_taxonomy: str = ""
    tag_taxonomies: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        """Whether types or taxonomies are named."""
        return bool(self.post_types or self.section_taxonomy or self.tag_taxonomies)

    def taxonomies(self, before: Taxonomies = USUAL) -> Taxonomies:
        """The taxonomies, where those of the last pull are known."""
        section = self.section_taxonomy or before.section
        return Taxonomies(section, self.tag_taxonomies or before.tags)


EVERYTHING_NEW: Final = PullScope()
"""Posts, or the types of the last pull; nothing is known of the store."""


@dataclass(frozen=True, slots=True)
class PostType:
    """A type of posts.

    Attributes:
        name: `post`, `page`, or of a type that a plugin or a theme made.
        route: the name of its collection in the REST interface.
        filters: the parameters that choose its posts by a name: routes of taxonomies, `author`.
        terms: the routes of the taxonomies that are read, that of sections first. A post has a
            field of each name, with the numbers of its terms.
    """

    name: str
    route: str
    filters: frozenset[str] = frozenset({*USUAL_ROUTES.values(), "author"})
    terms: tuple[str, ...] = tuple(USUAL_ROUTES.values())


@dataclass(frozen=True, slots=True)
class SiteScope:
    """What a pull reads, as the site has it.

    Attributes:
        types: the types of posts, one at least.
        taxonomies: which taxonomies say what.
    """

    types: tuple[PostType, ...] = (PostType(_DEFAULT, "posts"),)
    taxonomies: Taxonomies = USUAL

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the types."""
        return tuple(one.name for one in self.types)

    @property
    def terms(self) -> tuple[str, ...]:
        """The routes of the taxonomies, that of sections first."""
        return self.types[0].terms


def find_scope(site: WordPressSite, types: Sequence[str], taxonomies: Taxonomies) -> SiteScope:
    """Find types and taxonomies by their names. The site is not asked for the usual ones.

    Raises:
        BadSource: the site shows no such type or taxonomy.
    """
    if (tuple(types), taxonomies) == ((_DEFAULT,), USUAL):
        return SiteScope()
    routes = USUAL_ROUTES if taxonomies == USUAL else _find_routes(site, taxonomies.names)
    found = (_type_of(row, routes) for row in site.kinds("types") if isinstance(row, Mapping))
    known = {one.name: one for one in found if one is not None}
    _refuse_unknown(site, "post type", types, known)
    return SiteScope(tuple(known[name] for name in dict.fromkeys(types)), taxonomies)


def _find_routes(site: WordPressSite, names: Sequence[str]) -> Mapping[str, str]:
    rows = (row for row in site.kinds("taxonomies") if isinstance(row, Mapping))
    known = {first_text(row, "slug"): route for row in rows if (route := _route(row))}
    _refuse_unknown(site, "taxonomy", names, known)
    return {name: known[name] for name in names}


def _route(row: Mapping[str, object]) -> str:
    """The collection of what a row describes; empty for one that lies elsewhere."""
    is_usual = first_text(row, "rest_namespace") in {"", _NAMESPACE}
    return first_text(row, "rest_base") if is_usual else ""


def _refuse_unknown(
    site: WordPressSite, kind: str, names: Sequence[str], known: Mapping[str, object]
) -> None:
    missing = [name for name in names if name not in known]
    if missing:
        raise BadSource(
            f"{site.home}: its REST interface shows no {kind} {missing[0]!r}; it shows "
            f"{', '.join(sorted(known))}. A {kind} of a plugin or a theme needs show_in_rest"
        )


def _type_of(row: Mapping[str, object], routes: Mapping[str, str]) -> PostType | None:
    """A row of `wp/v2/types`; None for a type whose posts lie elsewhere."""
    name, route = first_text(row, "slug"), _route(row)
    if not name or not route:
        return None
    taxonomies = as_list(row.get("taxonomies"))
    named = {names for taxonomy, names in routes.items() if taxonomy in taxonomies}
    return PostType(name, route, frozenset({*named, "author"}), tuple(routes.values()))
