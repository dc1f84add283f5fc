"""Where articles come from."""

from recommender.sources.jsonl import read_jsonl
from recommender.sources.source import CheckpointJson, Gone, LeftOut, Mark, Pulled, Record, Source

__all__ = ["CheckpointJson", "Gone", "LeftOut", "Mark", "Pulled", "Record", "Source", "read_jsonl"]
