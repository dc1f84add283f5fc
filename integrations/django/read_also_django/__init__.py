"""Pushes the articles of a Django site to Read Also, and shows its lists."""
