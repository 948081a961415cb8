"""What was hidden and what was kept."""

from .attributes import AttributeChange, attribute_changes, attribute_distance, attributes_preserved
from .disentanglement import Reference, disentanglement_score
from .diversity import Collisions, cluster_identities, collisions
from .geometry import expression_measures, gaze_yaw, head_pose, landmark_drift, pose_drift
from .identity import cosine_similarity, identity_distance, pairwise_identity_distance, threshold_at_far
from .perceptual import Perceptual
from .quality import BackgroundDifference, background_difference, psnr, ssim
from .reidentification import FaceSet, Reidentification, cmc, reidentify, search_ranks
from .verification import FARS, Interval, Pairs, Roc, Verification, bootstrap_mean, roc, verify_pairs

__all__ = [
    "FARS",
    "AttributeChange",
    "BackgroundDifference",
    "Collisions",
    "FaceSet",
    "Interval",
    "Pairs",
    "Perceptual",
    "Reference",
    "Reidentification",
    "Roc",
    "Verification",
    "attribute_changes",
    "attribute_distance",
    "attributes_preserved",
    "background_difference",
    "bootstrap_mean",
    "cluster_identities",
    "cmc",
    "collisions",
    "cosine_similarity",
    "disentanglement_score",
    "expression_measures",
    "gaze_yaw",
    "head_pose",
    "identity_distance",
    "landmark_drift",
    "pairwise_identity_distance",
    "pose_drift",
    "psnr",
    "reidentify",
    "roc",
    "search_ranks",
    "ssim",
    "threshold_at_far",
    "verify_pairs",
]
