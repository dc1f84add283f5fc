"""Lays out the files of a snapshot that hold what was given or worked out, row by row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from index.blobs import write_blobs
from index.lexical import Lexicon
from index.manifest import Files, column_file
from index.matrix import Matrix
from index.passages import Passages, Scaled
from index.rows import BUCKETS

if TYPE_CHECKING:
    from index.disk import Writer
    from index.neighbours import Neighbours
    from index.rows import Rows


def write_terms(writer: Writer, weights: Matrix) -> Lexicon:
    """Write term weights by row and by bucket; hands back what will be read."""
    stored = Matrix(weights.indptr, weights.columns, weights.weights.astype(np.float16))
    writer.write_array(Files.TERM_STARTS, stored.indptr.astype(np.int64))
    writer.write_array(Files.TERM_BUCKETS, stored.columns.astype(np.int32))
    writer.write_array(Files.TERM_WEIGHTS, stored.weights)
    postings = stored.transposed(BUCKETS)
    writer.write_array(Files.POSTING_STARTS, postings.indptr)
    writer.write_array(Files.POSTING_ROWS, postings.columns)
    writer.write_array(Files.POSTING_WEIGHTS, postings.weights)
    return Lexicon(stored, postings)


def write_passages(writer: Writer, passages: Passages) -> Scaled:
    """Write passages and what scales them to length 1; hands back what will be read."""
    scaled = Scaled.of(passages)
    writer.write_array(Files.PASSAGE_STARTS, scaled.indptr.astype(np.int64))
    writer.write_array(Files.PASSAGE_CODES, scaled.codes)
    writer.write_array(Files.PASSAGE_SCALES, scaled.scales)
    return scaled


def write_neighbours(writer: Writer, neighbours: Neighbours) -> None:
    """Write the neighbours of each row."""
    writer.write_array(Files.NEIGHBOUR_ROWS, neighbours.rows)
    writer.write_array(Files.NEIGHBOUR_WEIGHTS, neighbours.weights)
    writer.write_array(Files.HUBNESS, neighbours.hubness)


def write_records(writer: Writer, rows: Rows) -> None:
    """Write ids, cards, columns and labels as they were given."""
    ids = [row_id.encode() for row_id in rows.ids]
    write_blobs(writer, Files.IDS, Files.IDS_OFFSETS, ids)
    write_blobs(writer, Files.CARDS, Files.CARDS_OFFSETS, rows.cards)
    for name, column in sorted(rows.columns.items()):
        writer.write_array(column_file(name), column)
    labels = {name: list(words) for name, words in rows.labels.items()}
    writer.write(Files.LABELS, json.dumps(labels, sort_keys=True, indent=2).encode() + b"\n")
