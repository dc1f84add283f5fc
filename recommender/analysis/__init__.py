"""From one text to its features: language, tokens, MinHash, passages and vectors."""
