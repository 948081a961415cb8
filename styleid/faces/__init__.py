"""Faces in photographs: find, align, mark areas, paste back, blur."""

from .align import AlignedFaces, align_faces, ffhq_quad
from .aligned import aligned_landmarks
from .blur import BLURS, blur_faces
from .detect import detect_faces
from .face import Face
from .paste import face_areas, paste_faces
from .regions import AREAS, region_mask

__all__ = [
    "AREAS",
    "BLURS",
    "AlignedFaces",
    "Face",
    "align_faces",
    "aligned_landmarks",
    "blur_faces",
    "detect_faces",
    "face_areas",
    "ffhq_quad",
    "paste_faces",
    "region_mask",
]
