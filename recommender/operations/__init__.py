"""Programs for an operator: the server, supervision, checks, erasure, the demonstration."""
