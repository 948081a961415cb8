"""Five landmarks of a face that is aligned already: where it is, is known, and which way is up."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from ._candidates import Candidate
from ._mtcnn import load_mtcnn
from ._refine import LOOK_SIDES, look_again

__all__ = ["aligned_landmarks"]

# Centre and side of the face from brow to chin, in an FFHQ crop of side 1.
_CENTRE, _SIDE = (0.5, 0.656), 0.51


def aligned_landmarks(crop: Tensor, landmark_net: nn.Module) -> np.ndarray:
    """Landmarks [5, 2] in pixels of an FFHQ-aligned crop [1, S, S, 3] in 0..1; their usual places where the networks see no
    face. landmark_net: as for `detect_faces`."""
    size = crop.shape[1]
    place = Candidate(np.array(_CENTRE) * size, _SIDE * size, 0.0, 1.0, 1, "aligned")
    photo = crop[0].detach().movedim(-1, 0).float().cpu()
    look = look_again(photo, place, mtcnn=load_mtcnn(), landmark_net=landmark_net, sides=LOOK_SIDES)
    return look.landmarks
