"""Posts of a WordPress site, over its REST interface or out of a file of its answers."""

from recommender.sources.wordpress.pulling import WordPress
from recommender.sources.wordpress.saved import WordPressFile

__all__ = ["WordPress", "WordPressFile"]
