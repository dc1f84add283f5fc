"""What an operator starts: the server, supervision, checks, erasure, the demonstration."""
