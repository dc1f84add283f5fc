"""Examples of fields, parameters and bodies, as the demonstration's archive would have them."""

from collections.abc import Mapping
from typing import Any, Final

__all__ = ["BODIES", "EDITOR", "OTHER", "QUERIES", "SEED", "examples_of"]

SEED: Final = "guiyang-smart-city"
OTHER: Final = "bijie-data-labellers"
EDITOR: Final = "Anna Petrova"
HEADLINE: Final = "In a Guizhou village, mothers teach machines to see"
MORNING: Final = "2026-05-26T06:00:00Z"
GENERATION: Final = "000000000274-6356f5b1fb1e"
REQUEST: Final = "8f1c2e0a7b6d4c3f"
FAULT: Final = {"pointer": "/title", "detail": "Input should be a valid string"}
WRONG: Final = "the article is not acceptable"
ITEM: Final = {
    "id": OTHER,
    "rank": 1,
    "score": 0.3344,
    "title": HEADLINE,
    "url": f"https://news.example/{OTHER}",
    "section": "china-smart-cities",
    "language": "en",
    "published_at": "2025-11-17T05:00:00Z",
    "image_url": None,
    "reason": "semantic",
}
LIST: Final = {
    "article_id": SEED,
    "items": [ITEM],
    "requested": 1,
    "returned": 1,
    "mode": "mixed",
    "generation": GENERATION,
}
LABEL: Final = {"kind": "pinned", "text": "Editors’ pick"}  # noqa: RUF001 - as it is written
DAY: Final = {"moment": "2025-11-17T05:00:00Z", "text": "17 November 2025"}
PRESENTATION: Final = {
    "language": "en",
    "direction": "ltr",
    "heading": "Read also",
    "items": [{"day": DAY, "labels": [LABEL]}],
}
PIN: Final = {"id": OTHER, "why": "our own report from the place"}
KEPT: Final = PIN | {
    "starts_at": None,
    "ends_at": None,
    "by": f"cms: {EDITOR}",
    "at": MORNING,
}
SETTING: Final = {"change": 12, "by": f"cms: {EDITOR}", "at": MORNING}
DONE: Final = {"id": SEED, "status": 201, "result": "created", "change": 12}
ARTICLE: Final = {
    "id": SEED,
    "title": "Guiyang counts its lamp posts",
    "body": "The city gives every lamp post a number and a camera.\n\nNot everybody is pleased.",
    "url": "https://news.example/guiyang-smart-city",
    "section": "china-smart-cities",
    "tags": ["Guiyang", "data"],
    "authors": ["Li Wei"],
    "published_at": "2026-05-26T06:00:00+08:00",
}
ENTRY: Final = {
    "number": 41,
    "at": MORNING,
    "actor": "cms",
    "action": "article.put",
    "subject": SEED,
    "change": 12,
    "address": "192.0.2.7",
    "request_id": REQUEST,
    "why": "",
}
TERM: Final = {"word": "Guiyang", "share": 0.1331}
PASSAGES: Final = {
    "seed": "Guizhou, long one of the poorer provinces",
    "item": "Visitors to the big data expo",
    "similarity": 0.469,
}
GROUNDS: Final = {"terms": [TERM], "names": ["Guiyang"], "passages": [PASSAGES]}

WRITE: Final = {
    "state": "received",
    "waits_for": "indexer",
    "hidden_because": None,
    "change": 12,
    "written_at": MORNING,
    "read_change": None,
    "read_at": None,
    "shown_change": 12,
    "workers": 2,
    "waiting": 4,
    "attempts": 0,
    "remedy": None,
}
READING: Final = {
    "read": 1_200,
    "stored": 10_000,
    "advice": "to read it in one go, run: read-also rebuild",
}

BODIES: Final[Mapping[str, Any]] = {
    "putArticle": {name: value for name, value in ARTICLE.items() if name != "id"},
    "patchArticle": {"section": "culture", "image_url": None},
    "bulkWrite": [
        {"id": "lamp-posts", "title": "Lamp posts", "body": "They have numbers now."},
        {"delete": {"id": "withdrawn-story"}},
    ],
    "listRelatedForDraft": {
        "title": "A robot usher",
        "body": "It seats guests at the expo in Guiyang.",
        "limit": 6,
    },
    "putPins": {"pins": [PIN], "by": EDITOR},
    "putBlocks": {"blocks": [{"id": OTHER}], "by": EDITOR},
    "putNever": {"why": "the lawyers look at it", "by": EDITOR, "ends_at": MORNING},
    "putNoList": {"why": "an obituary", "by": EDITOR},
}
"""By operation, a body that it takes."""
QUERIES: Final[Mapping[str, Mapping[str, object]]] = {
    "listArticles": {"limit": 50},
    "listArticleIds": {"prefix": "wp:news.example:"},
    "listAuditEntries": {"after": 0},
    "listRelated": {"limit": 6, "language": "any"},
    "listRelatedHtml": {"limit": 6, "heading": "Read also"},
    "putArticle": {"wait": "visible"},
    "putPins": {"wait": "visible"},
}
"""By operation, parameters worth an example."""

FIELDS: Final[dict[str, Any]] = {
    **ITEM,
    **ENTRY,
    **ARTICLE,
    **LIST,
    **SETTING,
    **GROUNDS,
    **TERM,
    **WRITE,
    **READING,
    "after": 0,
    "appears_in": [OTHER],
    "article_id": SEED,
    "archive_reading": READING,
    "articles": [ARTICLE],
    "attr": {"city": ["Guiyang", "Bijie"], "price": "10..20", "free": True},
    "attributes": {"city": ["Guiyang", "Bijie"], "price": 12.5, "free": True},
    "author": "Li Wei,-Reuters",
    "because": OTHER,
    "aversion": 0.0712,
    "blocks": [PIN],
    "boost": 0.0563,
    "body_html": "<p>The city gives every lamp post a number and a camera.</p>",
    "checked": 1_003,
    "complete": False,
    "cursor": "MTpndWl5YW5nLXNtYXJ0LWNpdHk",
    "data_folder": "ok",
    "dates": "relative",
    "day": DAY,
    "delete": {"id": "withdrawn-story"},
    "dense": 0.4583,
    "dense_weight": 0.302,
    "detail": WRONG,
    "direction": "ltr",
    "diversity": 0.3,
    "dropped": [{"id": OTHER, "title": HEADLINE, "score": 0.2577, "rule": "duplicate"}],
    "embargoed_until": MORNING,
    "ends_at": "2026-05-30T00:00:00Z",
    "entries": [ENTRY],
    "error": {"detail": WRONG, "errors": [FAULT]},
    "errors": [FAULT],
    "exclude": [OTHER],
    "expires_at": "2027-05-26T06:00:00Z",
    "explain": "all",
    "explanation": {
        "dense": 0.4583,
        "passages": 0.2393,
        "lexical": 0.0616,
        "dense_weight": 0.302,
        "passage_weight": 0.2471,
        "lexical_weight": 0.451,
        "recency": 0.9568,
        "nearness": 0.0,
        "hubness": 0.1313,
        "ranking_value": 0.0842,
        "grounds": GROUNDS,
    },
    "fields": ["summary", "tags"],
    "grounds": GROUNDS,
    "heading": "Read also",
    "heading_language": "en",
    "heading_level": 3,
    "hint": "no article on show has the section 'cultur' (nearest: 'culture')",
    "history": [],
    "hubness": 0.1313,
    "ids": [OTHER, SEED],
    "image_url": "https://news.example/pictures/lamp-post.jpg",
    "image_srcset": "https://news.example/pictures/lamp-post-300.jpg 300w",
    "image": {"url": "https://news.example/pictures/lamp-post.jpg"},
    "images": 1,
    "indexer": "ok",
    "instance": f"/v1/articles/{SEED}",
    "kind": "pinned",
    "labels": 1,
    "layout": "cards",
    "lexical": 0.0616,
    "lexical_weight": 0.451,
    "like": [SEED, OTHER],
    "limit": 6,
    "lists": [LIST],
    "max_age": "30d",
    "min_score": 0.2,
    "mode": "background",
    "moment": DAY["moment"],
    "nearness": 0.0,
    "never_recommend": False,
    "next": "MTpndWl5YW5nLXNtYXJ0LWNpdHk",
    "no_grounds_because": "text_changed",
    "no_related": False,
    "offset": 6,
    "options": {"section": "-opinion", "limit": 6},
    "passage_weight": 0.2471,
    "pins": [PIN],
    "pointer": "/title",
    "prefix": "wp:news.example:",
    "presentation": PRESENTATION,
    "published_after": "2026-03-01",
    "published_before": MORNING,
    "ranking_value": 0.0842,
    "recency": 0.9568,
    "requests": [{"article_id": SEED, "limit": 6}, {"article_id": SEED, "mode": "background"}],
    "result": "created",
    "rule": "duplicate",
    "seeds": [{"id": SEED, "score": 0.3344}, {"id": OTHER, "score": 0.1207}],
    "short_because": "few_eligible",
    "similarity": 0.469,
    "site_rule": "no opinion under news",
    "site_rules": ["election week"],
    "starts_at": MORNING,
    "srcset": "https://news.example/pictures/lamp-post-300.jpg 300w",
    "status": "published",
    "store": "ok",
    "stylesheet": 0,
    "summary": "Every lamp post gets a number and a camera.",
    "support": 0.0303,
    "tag": "data",
    "time_zone": "Asia/Dushanbe",
    "translation_of": "guiyang-zhineng-chengshi",
    "type": "about:blank",
    "unlike": ["guiyang-expo-opens"],
    "unserved": None,
    "updated_at": "2026-05-26T09:30:00Z",
    "version": 3,
    "wait": "visible",
    "why": "our own report from the place",
}
"""By the name of a field or parameter; a name means the same in most places."""
ELSEWHERE: Final[Mapping[str, Any]] = {
    "AuditPage.next": 41,
    "BlocksNow.blocks": [KEPT],
    "BlocksNow.history": [SETTING | {"blocks": [KEPT]}],
    "BulkAnswer.errors": False,
    "BulkAnswer.items": [DONE],
    "BulkItem.status": 201,
    "DecisionNow.decision": KEPT,
    "DecisionNow.history": [SETTING | {"decision": KEPT}],
    "EarlierBlocks.blocks": [KEPT],
    "EarlierDecision.decision": KEPT,
    "EarlierPins.pins": [KEPT],
    "Explanation.passages": 0.2393,
    "ItemWords.labels": [LABEL],
    "Label.text": LABEL["text"],
    "Health.status": "ok",
    "PassagePair.item": PASSAGES["item"],
    "PassagePair.seed": PASSAGES["seed"],
    "PinsNow.history": [SETTING | {"pins": [KEPT]}],
    "PinsNow.pins": [KEPT],
    "Presentation.items": PRESENTATION["items"],
    "Problem.status": 422,
    "Problem.title": "Unprocessable Entity",
    "Readiness.articles": 137,
    "Readiness.status": "ready",
    "WriteStatus.error": None,
    "WrittenDay.text": DAY["text"],
    "query.attr": {"attr.city": "Guiyang,Bijie", "attr.price": "10..20"},
    "query.exclude": f"{OTHER},guiyang-expo-opens",
    "query.explain": "1",
    "query.if_match": '"41"',
    "query.fields": "summary,tags",
    "query.presentation": 1,
}
"""By component and name, where a name means something else than usual."""


def examples_of(component: str, name: str) -> list[Any]:
    """The example of a field of a component, or of a parameter of a `query`; none or one."""
    place = f"{component}.{name}"
    known = FIELDS | {name: ELSEWHERE[place]} if place in ELSEWHERE else FIELDS
    return [known[name]] if name in known else []
