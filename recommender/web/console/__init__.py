"""The console: pages for editors and operators, under `/console`, for those who sign in with a key.

Every page is rendered here; the scripts only fetch parts of pages and put them in place.
"""

from recommender.web.console import (
    appearing,
    beside,
    desk,
    embed,
    find,
    health,
    home,
    making,
    mapping,
    quality,
    reports,
    rules,
    signing_in,
    start,
    steering,
    story,
    trouble,
    uploading,
)
from recommender.web.console.access import console

__all__ = ["console"]

PAGES = (
    home,
    find,
    desk,
    story,
    beside,
    steering,
    appearing,
    making,
    rules,
    mapping,
    quality,
    reports,
    health,
    start,
    uploading,
    embed,
    signing_in,
    trouble,
)
"""The modules whose views belong to the console."""
