"""The tag `read_also`."""
