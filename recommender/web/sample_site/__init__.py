"""The sample's newspaper: front pages, sections, stories with their lists, and why they are listed.

Only the demonstration serves it. A newsroom has its own site, and includes lists into that.
"""

from recommender.web.sample_site.pages import reader

__all__ = ["reader"]
