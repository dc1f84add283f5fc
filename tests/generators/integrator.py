"""What an integrator writes over the client that openapi-python-client makes. Run by a test.

python integrator.py ADDRESS KEY
"""

import sys
from datetime import UTC, datetime

from httpx import Timeout
from read_also_client.api.articles import (
    bulk_write,
    delete_article,
    get_article,
    list_articles,
    patch_article,
    put_article,
)
from read_also_client.api.lists import list_related, list_related_for_draft
from read_also_client.models import (
    AddressedArticle,
    Article,
    ArticlePage,
    ArticlePatch,
    BulkAnswer,
    BulkResult,
    Deletion,
    Mode,
    Problem,
    Reason,
    RelatedList,
    RelatedRequest,
    Target,
    WriteResult,
    Written,
)

from read_also_client import AuthenticatedClient

STORY = "The city gives every lamp post a number and a camera. Not everybody in Guiyang is pleased."


def integrate(client: AuthenticatedClient) -> None:
    """Put, patch, bulk, list, delete; every answer is of its type."""
    moment = datetime(2026, 5, 26, 6, tzinfo=UTC)
    sent = AddressedArticle(title="Lamp posts", body=STORY, tags=["data"], published_at=moment)
    put = put_article.sync("lamp-posts", client=client, body=sent)
    assert isinstance(put, Written), put
    assert put.result is WriteResult.CREATED

    patch = ArticlePatch(section="culture", tags=None)
    patched = patch_article.sync("lamp-posts", client=client, body=patch)
    assert isinstance(patched, Written), patched
    assert patched.result is WriteResult.UPDATED
    stored = get_article.sync("lamp-posts", client=client)
    assert isinstance(stored, Article), stored
    assert (stored.section, stored.published_at) == ("culture", moment)

    gone = Deletion(delete=Target(id="one"))
    loaded = bulk_write.sync(client=client, body=[Article(id="one", title="One", body=STORY), gone])
    assert isinstance(loaded, BulkAnswer), loaded
    assert [item.result for item in loaded.items] == [BulkResult.CREATED, BulkResult.DELETED]

    listed = list_related.sync(
        "guiyang-smart-city", client=client, limit=3, mode=Mode.LATEST, min_score=0.01
    )
    assert isinstance(listed, RelatedList), listed
    assert {item.reason for item in listed.items} == {Reason.SEMANTIC}
    draft = RelatedRequest(title="Lamp posts", body=STORY, limit=2)
    of_draft = list_related_for_draft.sync(client=client, body=draft)
    assert isinstance(of_draft, RelatedList), of_draft
    assert of_draft.article_id is None

    page = list_articles.sync(client=client, limit=100)
    assert isinstance(page, ArticlePage), page
    assert isinstance(page.next_, str)
    assert delete_article.sync_detailed("lamp-posts", client=client).status_code == 204
    refused = get_article.sync("lamp-posts", client=client)
    assert isinstance(refused, Problem), refused
    assert refused.status == 410


if __name__ == "__main__":
    with AuthenticatedClient(sys.argv[1], token=sys.argv[2], timeout=Timeout(30)) as connected:
        integrate(connected)
