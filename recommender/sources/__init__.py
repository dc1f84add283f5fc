"""Where articles come from."""

from recommender.sources.jsonl import read_jsonl
from recommender.sources.source import Cursor, Gone, LeftOut, Mark, Pulled, Record, Source

__all__ = ["Cursor", "Gone", "LeftOut", "Mark", "Pulled", "Record", "Source", "read_jsonl"]
