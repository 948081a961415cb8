"""Pictures before and after, compared face by face: what was hidden, what was kept, and what the usual alternatives give.

A run holds embeddings and a bounded sample of crops in memory, writes neither to disk, and so cannot be resumed.
"""

from .evaluation import Evaluation
from .examiners import Examiner, examiners_of
from .folders import evaluate_folders
from .labels import identities_of
from .report import Report

__all__ = ["Evaluation", "Examiner", "Report", "evaluate_folders", "examiners_of", "identities_of"]
