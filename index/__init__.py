"""Vectors, terms and attributes in, nearest row ids out.

A build takes `Rows` and writes a snapshot; a `Catalog` publishes and opens snapshots; a `View`
searches one together with the changes since. Nothing here knows what a row stands for: display
fields are opaque bytes.
"""

from index.arrays import Passages, quantize
from index.build import Begin, BuildOptions
from index.catalog import Catalog, StagedSnapshot
from index.delta import DeltaWriter
from index.disk import locked, make_folder, replace_file, replacing, sync_folder
from index.errors import (
    BadQuery,
    BadRows,
    IndexFault,
    Locked,
    NoSnapshot,
    OtherFormat,
    SnapshotDamaged,
)
from index.kept_stages import KeptStages, keep_stages
from index.lexical import Query
from index.manifest import GENERATION, BackgroundSimilarity, Manifest
from index.rows import BUCKETS, Rows, RowSpool, TermCounts, open_rows
from index.snapshot import Snapshot
from index.vector_search import Hits
from index.view import View

__all__ = [
    "BUCKETS",
    "GENERATION",
    "BackgroundSimilarity",
    "BadQuery",
    "BadRows",
    "Begin",
    "BuildOptions",
    "Catalog",
    "DeltaWriter",
    "Hits",
    "IndexFault",
    "KeptStages",
    "Locked",
    "Manifest",
    "NoSnapshot",
    "OtherFormat",
    "Passages",
    "Query",
    "RowSpool",
    "Rows",
    "Snapshot",
    "SnapshotDamaged",
    "StagedSnapshot",
    "TermCounts",
    "View",
    "keep_stages",
    "locked",
    "make_folder",
    "open_rows",
    "quantize",
    "replace_file",
    "replacing",
    "sync_folder",
]
