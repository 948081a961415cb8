"""Levels, goals, the search for the least change, verification and outcomes: nothing leaves unless it was seen to be
hidden.
"""

from .goal import Goal, calibrate, make_goal, stored_thresholds
from .levels import LADDERS, LEVELS, SEARCH, Attempt, Level, Search, attempts_for
from .outcomes import FaceReport, ImageResult, Result
from .plan import Wish, assign, wishes
from .reach import Probe, Reached, frontier, frontier_rows, reach
from .release import Achieved, Release, achieved
from .verify import Verification, verify_faces

__all__ = [
    "LADDERS",
    "LEVELS",
    "SEARCH",
    "Achieved",
    "Attempt",
    "FaceReport",
    "Goal",
    "ImageResult",
    "Level",
    "Probe",
    "Reached",
    "Release",
    "Result",
    "Search",
    "Verification",
    "Wish",
    "achieved",
    "assign",
    "attempts_for",
    "calibrate",
    "frontier",
    "frontier_rows",
    "make_goal",
    "reach",
    "stored_thresholds",
    "verify_faces",
    "wishes",
]
