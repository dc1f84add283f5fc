"""Measurements. Each prints figures, and the bars that they should meet. See README.md."""
