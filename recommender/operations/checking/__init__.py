"""The use case: whether the store and the generations are whole, and agree.

Everything is gathered first, in one reading of the store and of each generation; what it means is
decided on plain values. What a newsroom has to act upon is a fault; what will settle by itself, or
harms nobody, is a note.
"""

from recommender.operations.checking.comparison import Flaw, Given, differs, flaws_of, parts_ways
from recommender.operations.checking.gathering import Backlog, count_backlog, gather
from recommender.operations.checking.judgement import Facts, Finding, Generation, Level, Some, judge

__all__ = [
    "Backlog",
    "Facts",
    "Finding",
    "Flaw",
    "Generation",
    "Given",
    "Level",
    "Some",
    "count_backlog",
    "differs",
    "flaws_of",
    "gather",
    "judge",
    "parts_ways",
]
