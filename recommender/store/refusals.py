"""What a database says no with, as the house's own error."""

from recommender.errors import StoreUnusable

__all__ = ["unusable"]


def unusable(error: BaseException) -> StoreUnusable:
    """The error for a database that is busy, full, absent or damaged."""
    return StoreUnusable(
        f"the article store cannot be used now: {error}; try again, since what was being written "
        "may not be kept"
    )
