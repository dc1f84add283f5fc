"""What a page needs to show a list: its language and heading, and by item its date and labels."""

from typing import Annotated, Literal

from pydantic import Field

from recommender.api.answer import Answer

__all__ = ["Direction", "ItemWords", "Label", "LabelKind", "Presentation", "WrittenDay"]

Direction = Literal["ltr", "rtl"]
LabelKind = Literal["pinned", "latest", "language"]


class Label(Answer):
    """What sets an item apart from those that are simply related.

    Attributes:
        kind: an editor put the item first, it is only new, or it is in another language.
        text: what the label says.
        language: of the text, BCP-47; left out if it is the item's.
    """

    kind: LabelKind
    text: str
    language: str | None = None


class WrittenDay(Answer):
    """The day of publication as people of a language write it.

    Attributes:
        moment: RFC 3339, to the second: HTML takes three digits of a fraction, RFC 3339 any.
        text: the day.
        language: of the text, BCP-47; left out if it is the item's, or the text has no words.
        direction: of the text; left out if it is that of the list.
    """

    moment: Annotated[str, Field(json_schema_extra={"format": "date-time"})]
    text: str
    language: str | None = None
    direction: Direction | None = None


class ItemWords(Answer):
    """What a page says of an item, beside its own texts.

    Attributes:
        day: when it was published; left out where that is unknown.
        labels: what sets it apart; a page shows them if it wants to.
    """

    day: WrittenDay | None = None
    labels: tuple[Label, ...] = ()


class Presentation(Answer):
    """What a page needs to show a list.

    Attributes:
        language: the seed's, BCP-47; `und` where it is unknown.
        direction: of texts in this language.
        heading: the words over the list, in this language if the service knows it.
        heading_language: BCP-47, of a heading in another language; left out if it is the same.
        items: the words of each item, in the order of the list; left out if that is empty.
    """

    language: str
    direction: Direction
    heading: str
    heading_language: str | None = None
    items: tuple[ItemWords, ...] = ()
