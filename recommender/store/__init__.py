"""The article store and its change log, on SQLAlchemy. SQLAlchemy stays inside this package."""

from recommender.store.article_rows import DeleteRequest, Receipt, StoredArticle, StoredPage
from recommender.store.article_store import ArticleStore, Backlog, open_store
from recommender.store.audit_log import Actor, AuditEntry, AuditLog
from recommender.store.change_log import LOG_START, CatalogNeeds, LogPosition, StoreState
from recommender.store.console_sessions import ConsoleSession, OpenedSession
from recommender.store.election import Election
from recommender.store.feature_cache import FeatureCache
from recommender.store.jobs import Job, JobKind, Jobs, checked_reason
from recommender.store.lazy_store import LazyStore
from recommender.store.model_choice import ModelChoice
from recommender.store.override_versions import OverrideStore
from recommender.store.pause import Pause
from recommender.store.policy_versions import Policies, PolicyReceipt
from recommender.store.scan import ArticleStatus, StoreScan
from recommender.store.stored_keys import KeyRecord, StoredKeys
from recommender.store.text_queue import (
    AnalyzedText,
    DeadLetter,
    QueuedText,
    QueueLength,
    TextQueue,
)
from recommender.store.updates import Update, UpdateBatch
from recommender.store.webhook_receivers import (
    LogBatch,
    LoggedChange,
    Receiver,
    ReceiverLag,
    WebhookReceivers,
)
from recommender.store.write_progress import WriteProgress

__all__ = [
    "LOG_START",
    "Actor",
    "AnalyzedText",
    "ArticleStatus",
    "ArticleStore",
    "AuditEntry",
    "AuditLog",
    "Backlog",
    "CatalogNeeds",
    "ConsoleSession",
    "DeadLetter",
    "DeleteRequest",
    "Election",
    "FeatureCache",
    "Job",
    "JobKind",
    "Jobs",
    "KeyRecord",
    "LazyStore",
    "LogBatch",
    "LogPosition",
    "LoggedChange",
    "ModelChoice",
    "OpenedSession",
    "OverrideStore",
    "Pause",
    "Policies",
    "PolicyReceipt",
    "QueueLength",
    "QueuedText",
    "Receipt",
    "Receiver",
    "ReceiverLag",
    "StoreScan",
    "StoreState",
    "StoredArticle",
    "StoredKeys",
    "StoredPage",
    "TextQueue",
    "Update",
    "UpdateBatch",
    "WebhookReceivers",
    "WriteProgress",
    "checked_reason",
    "open_store",
]
