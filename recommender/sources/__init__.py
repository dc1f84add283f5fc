"""Where articles come from."""

from recommender.sources.jsonl import Record, read_jsonl

__all__ = ["Record", "read_jsonl"]
