"""One text in, its features out: language, tokens, passages, MinHash and vectors."""
