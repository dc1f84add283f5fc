"""Posts of a WordPress site, over its REST interface or from a file with saved responses of it."""

from recommender.sources.wordpress.crawl import WordPress
from recommender.sources.wordpress.posts import WordPressFile
from recommender.sources.wordpress.pull_scope import EVERYTHING_NEW, PullScope

__all__ = ["EVERYTHING_NEW", "PullScope", "WordPress", "WordPressFile"]
