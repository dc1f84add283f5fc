"""Flask blueprints: the calls of the CMS, the reader's fragment, and the operator's probes."""

from recommender.web.api import api
from recommender.web.appearances import appearances
from recommender.web.archive import archive
from recommender.web.assets import assets
from recommender.web.bulk import bulk
from recommender.web.drafts import drafts
from recommender.web.fragment import fragment
from recommender.web.manual import manual
from recommender.web.metrics import metrics
from recommender.web.ops import ops
from recommender.web.origins import share_lists
from recommender.web.overrides import overrides
from recommender.web.problems import answer_problems
from recommender.web.reader import reader
from recommender.web.state import EXTENSION, State

__all__ = [
    "EXTENSION",
    "State",
    "answer_problems",
    "api",
    "appearances",
    "archive",
    "assets",
    "bulk",
    "drafts",
    "fragment",
    "manual",
    "metrics",
    "ops",
    "overrides",
    "reader",
    "share_lists",
]
