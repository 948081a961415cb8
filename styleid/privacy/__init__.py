"""Levels, verification and outcomes: nothing leaves unless it was seen to be hidden."""

from .levels import LADDERS, LEVELS, Attempt, Level, attempts_for
from .outcomes import FaceReport, ImageResult, Result
from .verify import Verification, verify_faces

__all__ = [
    "LADDERS",
    "LEVELS",
    "Attempt",
    "FaceReport",
    "ImageResult",
    "Level",
    "Result",
    "Verification",
    "attempts_for",
    "verify_faces",
]
