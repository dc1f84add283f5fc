"""The audit log under /v1: who changed what, page by page, for an operator's collector."""

from flask import Blueprint, Response

from recommender.api import AuditOptions, AuditPage, AuditRecord
from recommender.web.auth import needs
from recommender.web.endpoints import described
from recommender.web.responses import uncached
from recommender.web.state import state

__all__ = ["audit"]

audit = Blueprint("audit", __name__, url_prefix="/v1")


@audit.get("/audit")
@needs("admin")
@described(
    "listAuditEntries",
    "Who changed what, the oldest first.",
    answers={200: AuditPage},
    query=AuditOptions,
)
def show(options: AuditOptions) -> Response:
    """The entries after a number. There is always a number to go on from."""
    with state().reading() as store:
        found = store.audit_log.entries(after=options.after, limit=options.limit)
    entries = tuple(AuditRecord.model_validate(one, from_attributes=True) for one in found)
    return uncached(AuditPage(entries=entries, next=found[-1].number if found else options.after))
