"""Which taxonomies of a WordPress site say what of its posts, as in the settings of its plugin."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["USUAL", "USUAL_ROUTES", "Taxonomies"]


@dataclass(frozen=True, slots=True)
class Taxonomies:
    """Taxonomies by their names.

    Attributes:
        section: the one whose terms are sections.
        tags: those whose terms are tags, in this order.
    """

    section: str = "category"
    tags: tuple[str, ...] = ("post_tag",)

    @property
    def names(self) -> tuple[str, ...]:
        """Each name once, that of the section first."""
        return tuple(dict.fromkeys((self.section, *self.tags)))


USUAL: Final = Taxonomies()
USUAL_ROUTES: Final[Mapping[str, str]] = {"category": "categories", "post_tag": "tags"}
"""By its name the route of a taxonomy in the REST interface; every WordPress has these two."""
