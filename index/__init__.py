"""Vectors, terms and attributes in, nearest row ids out.

A build takes `Rows` and writes a snapshot; a `Catalog` publishes snapshots and opens the live
one; a `Snapshot` searches. Nothing here knows what a row stands for: cards are opaque bytes.
"""

from index.catalog import Catalog, Staged
from index.errors import BadQuery, BadRows, IndexFault, Locked, NoSnapshot, SnapshotDamaged
from index.hits import Hits
from index.lexical import Lexicon, Query
from index.manifest import FileSum, Floor, Manifest
from index.rows import BUCKETS, Rows, Terms
from index.search import Vectors
from index.snapshot import Snapshot

__all__ = [
    "BUCKETS",
    "BadQuery",
    "BadRows",
    "Catalog",
    "FileSum",
    "Floor",
    "Hits",
    "IndexFault",
    "Lexicon",
    "Locked",
    "Manifest",
    "NoSnapshot",
    "Query",
    "Rows",
    "Snapshot",
    "SnapshotDamaged",
    "Staged",
    "Terms",
    "Vectors",
]
