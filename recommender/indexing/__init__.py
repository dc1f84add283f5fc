"""From the store to a snapshot: documents, rebuild, gate, compaction and the indexer process."""
