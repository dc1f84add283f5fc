"""The list of a story for the sidebar of an editor in a CMS: an iframe with a signed address.

The CMS signs the address with its own key, so the editor needs no session here. It opens this one
list, for the named site, until the named moment; it changes nothing and has no script.
"""

import hashlib
import hmac
import re
import time
from datetime import UTC, datetime
from typing import Final

from flask import Response, g, request

from recommender.api import ListOptions
from recommender.api_keys import ApiKey
from recommender.web.auth import heavy_call, holds_at
from recommender.web.console.access import console
from recommender.web.console.page import render_page
from recommender.web.console.reasons import Reasons
from recommender.web.console.sent_values import check_path_ids
from recommender.web.console.story import ListedStory
from recommender.web.problems import Refused
from recommender.web.state import state

__all__ = ["embed_signature"]

MOST_SECONDS: Final = 3_600
_SITE: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
"""An origin, as it may stand in a policy of frames."""


def embed_signature(digest: str, article_id: str, site: str, until: int) -> str:
    """The signature of an address: HMAC-SHA-256, in hexadecimal.

    Args:
        digest: SHA-256 of the secret of a key, in hexadecimal.
        article_id: the story.
        site: the origin of the CMS, such as `https://cms.example`.
        until: POSIX seconds from which on the address opens nothing.
    """
    signed = "\n".join(("read-also embed", article_id, site, str(until)))
    return hmac.new(digest.encode(), signed.encode(), hashlib.sha256).hexdigest()


@console.get("/embed/<article_id>")
def show_embed(article_id: str) -> Response:
    """The list with its reasons, in a frame of the site that the address names."""
    site = request.args.get("site", "")
    g.key = _signer(article_id, site)
    g.framing_site = site  # from now on it is also shown what goes wrong
    check_path_ids({"article_id": article_id})
    with heavy_call():
        listing = state().list_for(article_id, ListOptions(explain=True), public=False)
    items = listing.related.items
    return render_page(
        "embed.html",
        "story",
        related=listing.related,
        stories=[ListedStory(item, Reasons.of(item)) for item in items],
    )


def _signer(article_id: str, site: str) -> ApiKey:
    """The key that has signed this address.

    Raises:
        Refused: none has, or it is too old or holds for too long.
    """
    now, until = time.time(), request.args.get("until", 0, int)
    if not _SITE.fullmatch(site) or not now < until <= now + MOST_SECONDS:
        raise Refused(403, "this address is not valid, or not any more")
    sent, name = request.args.get("signature", "").encode(), request.args.get("key", "")
    moment = datetime.fromtimestamp(now, UTC)
    for key in state().keyring.keys:
        signature = embed_signature(key.digest, article_id, site, until)
        is_right = hmac.compare_digest(signature.encode(), sent)
        if is_right and key.name == name and holds_at(key, moment) and "read" in key.scopes:
            return key
    raise Refused(403, "this address is not valid, or not any more")
