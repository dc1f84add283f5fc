"""The display fields of an article: what a list shows of it, kept in the snapshot with its row."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from index import View
from recommender.articles import Article

__all__ = ["DisplayFields", "title_of"]


@dataclass(frozen=True, slots=True)
class DisplayFields:
    """What a list shows. `published_at` is RFC 3339 in UTC; `language` None if unknown."""

    title: str
    url: str | None
    section: str | None
    language: str | None
    published_at: str | None
    image_url: str | None

    @classmethod
    def of(cls, article: Article, language: str | None) -> Self:
        """The display fields of an article; `language` is used where the article gives none."""
        document = article.to_document()
        return cls(
            title=article.title.strip(),
            url=article.url,
            section=article.section,
            language=article.language or language,
            published_at=document.get("published_at"),
            image_url=article.image_url,
        )

    def to_bytes(self) -> bytes:
        """Write compact JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote."""
        return cls(**json.loads(data))


def title_of(view: View, article_id: str) -> str:
    """The title of an article; its id if it has no title or is not in the view."""
    row = view.row_of(article_id)
    title = "" if row is None else DisplayFields.from_bytes(view.display_of(row)).title
    return title or article_id
