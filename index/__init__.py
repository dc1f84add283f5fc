"""Vectors, terms and attributes in, nearest row ids out.

A build takes `Rows` and writes a snapshot; a `Catalog` publishes snapshots and opens the live
one; a `Snapshot` searches. Nothing here knows what a row stands for: cards are opaque bytes.
"""

from index.background import BackgroundSimilarity
from index.catalog import Catalog, Staged
from index.delta import DeltaWriter
from index.disk import locked, make_folder, sync_folder
from index.errors import BadQuery, BadRows, IndexFault, Locked, NoSnapshot, SnapshotDamaged
from index.figures import FileSum
from index.hits import Hits
from index.lexical import Lexicon, Query
from index.manifest import GENERATION, Manifest
from index.passages import Passages, quantize
from index.rows import BUCKETS, Rows, Terms
from index.search import Vectors
from index.snapshot import Snapshot
from index.view import View

__all__ = [
    "BUCKETS",
    "GENERATION",
    "BackgroundSimilarity",
    "BadQuery",
    "BadRows",
    "Catalog",
    "DeltaWriter",
    "FileSum",
    "Hits",
    "IndexFault",
    "Lexicon",
    "Locked",
    "Manifest",
    "NoSnapshot",
    "Passages",
    "Query",
    "Rows",
    "Snapshot",
    "SnapshotDamaged",
    "Staged",
    "Terms",
    "Vectors",
    "View",
    "locked",
    "make_folder",
    "quantize",
    "sync_folder",
]
