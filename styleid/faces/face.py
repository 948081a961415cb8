"""What one detected face is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

__all__ = ["Face"]


@dataclass(frozen=True, eq=False)
class Face:
    """A face found in one photograph.

    box: (x0, y0, x1, y1) in pixels, upright, may reach outside the picture.
    landmarks: float32 [5, 2] pixel (x, y): image-left eye, image-right eye, nose tip, image-left and
        image-right mouth corner, named as in the *upright* face: in a head that is upside down the
        first eye lies on the picture's right. Pixel centres are at integer coordinates.
    score: how sure the detector is, 0..1.
    detector: the detectors that saw it, joined by "+" ("lbp", "lbp+mtcnn", "boxes", ...).
    """

    box: tuple[float, float, float, float]
    landmarks: np.ndarray
    score: float
    detector: str

    def __post_init__(self) -> None:
        points = np.asarray(self.landmarks, dtype=np.float32)
        if points.shape != (5, 2):
            raise InputError(f"A face needs five landmarks of shape [5, 2], found {list(points.shape)}.")
        if not np.isfinite(points).all() or not np.isfinite(self.box).all():
            raise InputError("A face's box and landmarks must be finite numbers.")
        object.__setattr__(self, "landmarks", points)
        object.__setattr__(self, "box", tuple(float(v) for v in self.box))

    @property
    def size(self) -> float:
        """Longer side of the box in pixels."""
        return max(self.box[2] - self.box[0], self.box[3] - self.box[1])

    def __repr__(self) -> str:
        box = ", ".join(f"{v:.0f}" for v in self.box)
        return f"Face(box=({box}), score={self.score:.2f}, detector={self.detector!r})"
