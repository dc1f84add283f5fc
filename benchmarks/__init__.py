"""Measurements. Each prints its figures as ratios of one run, beside the bars they should meet."""
