"""Flask blueprints: the calls of the CMS, the reader's fragment, and the operator's probes."""

from recommender.web.api import api
from recommender.web.drafts import drafts
from recommender.web.fragment import fragment
from recommender.web.metrics import metrics
from recommender.web.ops import ops
from recommender.web.problems import answer_problems
from recommender.web.reader import reader
from recommender.web.state import EXTENSION, State

__all__ = [
    "EXTENSION",
    "State",
    "answer_problems",
    "api",
    "drafts",
    "fragment",
    "metrics",
    "ops",
    "reader",
]
