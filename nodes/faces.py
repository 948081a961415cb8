"""Detect and Align Faces, Paste Faces Back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..styleid.errors import InputError
from ..styleid.faces import AlignedFaces, Face, align_faces, detect_faces, region_mask
from ..styleid.family import Family
from . import _bridge
from ._finish import finish_photograph, of_frame
from ._report import changed_pixels, paste_report
from ._sockets import FACES, as_rgb, fit_mask, in_batches, square_crops
from .latent import MODELS_INPUT

ON_FAILURE_INPUT = (
    ["blur", "block", "pass"],
    {
        "default": "blur",
        "tooltip": "For a face that is still recognisable: 'blur' it beyond recognition, 'block' stops the graph with an "
        "error, 'pass' lets it through as it is.",
    },
)
NO_FACE_INPUT = (
    ["stop", "keep"],
    {
        "default": "stop",
        "tooltip": "When an image has no face that could be found: 'stop' the graph, because a missed face would leave it "
        "unprotected, or 'keep' the image as it is.",
    },
)
MARKED_INPUT = (
    "MASK",
    {"tooltip": "Your own detector: each separate white spot marks a face. Unconnected: faces are found."},
)


class StyleIDDetectAndAlignFaces:
    """Finds every face and cuts upright crops."""

    DISPLAY_NAME = "Detect and Align Faces (StyleID)"
    CATEGORY = "StyleID/faces"
    DESCRIPTION = (
        "Finds every face of every image, at any rotation and size, and cuts an upright square crop of each."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("IMAGE", FACES, "INT")
    RETURN_NAMES = ("crops", "faces", "count")
    OUTPUT_TOOLTIPS = (
        "One upright crop per face, image by image, in reading order. An ordinary image batch.",
        "Where the faces are and what they looked like, for 'Paste Faces Back'.",
        "How many faces were found in all images together.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "images": ("IMAGE", {"tooltip": "Photographs, one or many, each with any number of faces."}),
                "crop_size": (
                    "INT",
                    {
                        "default": 256,
                        "min": 64,
                        "max": 2048,
                        "step": 32,
                        "tooltip": "Side of each crop in pixels.",
                    },
                ),
                "no_face": NO_FACE_INPUT,
            },
            "optional": {
                "marked": MARKED_INPUT,
            },
        }

    def execute(
        self, *, models: Family, images: Tensor, crop_size: int, no_face: str, marked: Tensor | None = None
    ) -> tuple[Tensor, AlignedFaces, int]:
        images = as_rgb(images)  # [B, H, W, 3]
        boxes = None if marked is None else boxes_of(marked, images)
        progress = _bridge.progress_bar(len(images))
        found: list[list[Face]] = []
        for number, image in enumerate(images):
            own = None if boxes is None else boxes[number]
            found.append(
                detect_faces(image, landmark_net=models.landmarks, detector=models.detector, boxes=own)
            )
            progress(number + 1, len(images))
        without = [str(number) for number, faces in enumerate(found, start=1) if not faces]
        if without and no_face == "stop":
            raise InputError(no_face_message(without, len(images)))
        aligned = align_faces(images, found, crop_size)
        return aligned.crops, aligned, len(aligned)


class StyleIDPasteFacesBack:
    """Pastes crops into their photographs and checks the result."""

    DISPLAY_NAME = "Paste Faces Back (StyleID)"
    CATEGORY = "StyleID/faces"
    DESCRIPTION = (
        "Pastes the new faces into their photographs at full resolution, then looks for faces once more and compares each "
        "with every original face. A face that is still recognisable does not come out unblurred."
    )
    FUNCTION = "execute"
    RETURN_TYPES = ("IMAGE", "MASK", "STRING", "BOOLEAN")
    RETURN_NAMES = ("images", "changed", "report", "all_hidden")
    OUTPUT_TOOLTIPS = (
        "The photographs with the new faces. Pixels outside the face areas are exactly the original's.",
        "White where a pixel differs from the original.",
        "One line per face: judge, distance, threshold, outcome.",
        "True when there are faces, and every one moved beyond the judge's threshold without being blurred.",
    )

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "models": MODELS_INPUT,
                "images": (
                    "IMAGE",
                    {"tooltip": "The same photographs that went into 'Detect and Align Faces'."},
                ),
                "faces": (FACES, {"tooltip": "From 'Detect and Align Faces'."}),
                "crops": (
                    "IMAGE",
                    {"tooltip": "The new faces, one per crop and in the same order, of any size."},
                ),
                "on_failure": ON_FAILURE_INPUT,
            },
            "optional": {
                "areas": (
                    "MASK",
                    {"tooltip": "Which part of each crop to paste. Unconnected: the face of the original."},
                ),
            },
        }

    def execute(
        self,
        *,
        models: Family,
        images: Tensor,
        faces: AlignedFaces,
        crops: Tensor,
        on_failure: str,
        areas: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, str, bool]:
        images, crops = as_rgb(images), square_crops(crops)
        if not len(images):
            raise InputError("Paste Faces Back: found no photograph in this batch.")
        if len(crops) != len(faces):
            raise InputError(
                f"Paste Faces Back: {len(faces)} faces were found, but {len(crops)} crops arrived. "
                "Keep one crop per face, in the same order."
            )
        masks = self.masks(models, faces, crops.shape[1], areas)
        progress = _bridge.progress_bar(len(images))
        finished = []
        for number, image in enumerate(images):
            own, which = of_frame(faces, number)
            finished.append(
                finish_photograph(
                    image, crops[which], masks[which], own, models=models, on_failure=on_failure
                )
            )
            progress(number + 1, len(images))
        report = paste_report(finished, models.judge)
        if any(photograph.blocked for photograph in finished):
            raise InputError(
                f"Paste Faces Back: a face is still recognisable, so nothing comes out.\n{report}"
            )
        output = torch.stack([photograph.image for photograph in finished])
        return (
            output,
            changed_pixels(images, output),
            report,
            any(one.outcomes for one in finished) and all(one.hidden for one in finished),
        )

    @staticmethod
    def masks(models: Family, faces: AlignedFaces, size: int, areas: Tensor | None) -> Tensor:
        """[N, size, size]: what of each crop is pasted; by default the original's face."""
        if areas is not None:
            return fit_mask(areas, size, size, len(faces), "areas")
        labels = in_batches(lambda part: models.parse(part, size=size), faces.crops)
        return region_mask(labels, "face", feather=0.03)


def no_face_message(without: list[str], images: int) -> str:
    """Says which images of the batch have no face."""
    which = "the image" if images == 1 else f"image {', '.join(without)} of {images}"
    return (
        f"No face was found in {which}. A face that is not found is not protected. Mark faces by hand with 'marked', "
        "or set no_face to 'keep' if there is really nobody in it."
    )


def boxes_of(marked: Tensor, images: Tensor) -> list[list[tuple[float, float, float, float]]]:
    """The rectangle (x0, y0, x1, y1) around each separate white spot of each image's mask."""
    from skimage.measure import label, regionprops

    masks = fit_mask(marked, *images.shape[1:3], len(images), "marked", "image").cpu().numpy() >= 0.5
    boxes = []
    for mask in masks:
        spots = regionprops(label(mask, connectivity=2))
        boxes.append(
            [
                (float(left), float(top), float(right), float(bottom))
                for top, left, bottom, right in (s.bbox for s in spots)
            ]
        )
    return boxes
