"""An article's HTML to plain text, in a process of its own: a hostile one hurts no other.

Ask `guard.MarkupReader`. Nothing but the limits is imported here: the child imports this package
too, and starts with little. lxml stays inside `text`.
"""

from recommender.analysis.html.limits import MARKUP_RECIPE

__all__ = ["MARKUP_RECIPE"]
