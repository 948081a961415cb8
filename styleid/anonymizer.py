"""The whole path for a caller: pictures in, anonymised pictures and an honest report out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from . import faces
from .errors import InputError, StyleIDError
from .family import Family, Recogniser, load_family
from .latent import IdentityBook
from .latent.refine import refinement
from .pipeline.face import crop_size
from .pipeline.photo import Photo, split_pictures
from .pipeline.picture import run_photo
from .pipeline.settings import ON_FAILURE, Box, Settings
from .privacy.goal import make_goal
from .privacy.levels import Attempt, attempts_for, level_named, search_for
from .privacy.outcomes import Result
from .privacy.plan import Wish
from .randomness import make_generator

__all__ = ["Anonymizer"]

_STEPS = 100  # of progress per picture

Detect = Callable[[Tensor], Sequence[faces.Face]]


class Anonymizer:
    """Replaces every face of pictures by somebody who does not exist, and verifies it.

    No new face resembles anybody of its picture. As far as there are enough different faces, none resembles another new
    face of it either, nor, without a seed, anybody of the pictures that this Anonymizer has seen before, or of `book`.

    Args:
        family: weights to use, by name or loaded.
        level: low, medium or high, see :data:`styleid.privacy.LEVELS`.
        seed: None gives every face a secret random identity. A number makes results repeatable and
            independent of the other pictures of a call, and is a key: whoever knows it can link source and
                output.
        method: `layers`, `channels`, `mask` or `swapper` instead of the level's own.
        area: one area of :data:`styleid.faces.AREAS` for every attempt, instead of the level's own.
        distance, far, recognisers: what the new faces must reach, and which recognisers must say so: see
            :func:`styleid.privacy.make_goal`. By default the family's threshold of its own recogniser.
        refine: steps by which each face's code is refined (see :func:`styleid.latent.refine_codes`): more of the
            expression, hair and light carries over, at two generator passes and more per step. None: what the family
            says, or nothing with an engine without gradients.
        on_failure: what becomes of a picture with a face that could not be anonymised: `block` gives no
            output, `blur` blurs that face beyond recognition, `pass` lets it through as it is.
        device: where a family given by name is loaded.
        engine: what decodes, for a family given by name; see :func:`styleid.load_family`.
        book: identities that earlier runs have seen and given out, by the judge; those of this run are added. Not with
            a seed, whose results may not depend on other pictures.
        detect: finds the faces of a picture [H, W, 3]; by default :func:`styleid.faces.detect_faces`.

    Raises:
        InputError: a name that does not exist, a goal that makes no sense, or a method that the family has no
            networks or ranking for.
        WeightsError: weights that are missing or damaged.
    """

    def __init__(
        self,
        family: str | Family = "embedded",
        level: str = "medium",
        seed: int | None = None,
        *,
        method: str | None = None,
        area: str | None = None,
        distance: float | None = None,
        far: float | None = None,
        recognisers: Sequence[str | Recogniser] = (),
        refine: int | None = None,
        on_failure: str = "block",
        device: str | torch.device = "cpu",
        engine: str = "torch",
        book: IdentityBook | None = None,
        detect: Detect | None = None,
    ) -> None:
        attempts = attempts_for(level, method=method, area=area)
        if on_failure not in ON_FAILURE:
            raise InputError(f"on_failure is one of {', '.join(ON_FAILURE)}, found {on_failure!r}.")
        if seed is not None:
            make_generator(seed)  # raises for anything that is no seed
            if book is not None:
                raise InputError(
                    "With a seed results do not depend on other pictures: leave the seed or the book out."
                )
        loaded = load_family(family, device=device, engine=engine) if isinstance(family, str) else family
        if loaded.judge.name == loaded.recogniser.name:
            raise InputError(
                f"The family {loaded.name!r} judges with the recogniser that chose the change; use two."
            )
        search = search_for(level, area=area) if method is None else None
        goal = make_goal(loaded, distance=distance, far=far, recognisers=recognisers)
        if book is None and seed is None:
            book = IdentityBook(goal.judge.threshold)
        self._settings = Settings(
            family=loaded,
            goal=goal,
            attempts=attempts,
            search=search,
            keeps=level_named(level).keeps,
            detect=_detector(loaded, detect),
            on_failure=on_failure,
            seed=seed,
            book=book,
            refine=refinement(loaded, refine),
            notes=(*_notes(loaded, attempts), *goal.notes),
        )

    def __call__(
        self,
        images: Any,
        progress: Callable[[int, int], None] | None = None,
        *,
        boxes: Sequence[Sequence[Box]] | None = None,
        wanted: Sequence[Sequence[Wish | None]] | None = None,
    ) -> Result:
        """Anonymise pictures, one after the other.

        Args:
            images: a PIL image, a numpy array or a torch tensor, [H, W], [H, W, C] or a batch [B, H, W, C]
                with 1 to 4 channels last, uint8, uint16 or floats in 0..1; or a list of single pictures. Alpha, the last
                of 2 or 4 channels, is kept; a face in it blocks its picture. PIL images of other modes (CMYK,
                palette, ...) come back as RGB.
            progress: called with (steps done, steps in all); an exception that it raises cancels the run.
            boxes: per picture, the faces (x0, y0, x1, y1) in pixels instead of the detector's. The finished
                picture is still searched with the detector, and a face seen there is handled as well.
            wanted: per picture and face, in the order in which they are found, attributes that the new face should
                show or not show, as far as one of several random identities does; None, or no wish for a face, keeps
                those that the level keeps.

        Returns:
            One result per picture. A face that was missed, failed or not moved enough never is in an output,
            unless on_failure is `pass`. `output` is of the picture's type and dtype and equals it bit for bit
            outside `changed`; it is None for the outcomes blocked and no_face.

        Raises:
            InputError, ImageError: pictures that cannot be read. Whatever goes wrong later blocks its own
                picture.
        """
        pictures = split_pictures(images)
        if boxes is not None and len(boxes) != len(pictures):
            raise InputError(f"{len(pictures)} pictures need as many lists of boxes, found {len(boxes)}.")
        if wanted is not None and len(wanted) != len(pictures):
            raise InputError(f"{len(pictures)} pictures need as many lists of wishes, found {len(wanted)}.")
        total = _STEPS * len(pictures)
        results = []
        for number, picture in enumerate(pictures):

            def tick(share: float, start: int = _STEPS * number) -> None:
                if progress is not None:
                    progress(start + int(share * _STEPS), total)

            own = None if boxes is None else boxes[number]
            asked = () if wanted is None else wanted[number]
            results.append(run_photo(Photo.read(picture), self._settings, own, tick, asked))
            tick(1.0)
        return Result(tuple(results))

    def confidences(self, image: Any, names: Sequence[str], *, boxes: Sequence[Box] | None = None) -> Tensor:
        """What the faces of one picture show: confidences [N, A] of the named attributes, faces as they are found.

        A face that cannot be measured has NaN. Raises InputError for attributes that the family's net does not know.
        """
        columns = self.attribute_columns(names)
        family = self._settings.family
        pixels = Photo.read(split_pictures([image])[0]).pixels
        rows = []
        for face in self._settings.detect(pixels, boxes):
            try:
                crop = faces.align_faces(pixels[None], [[face]], crop_size(family)).crops
                rows.append(family.attribute_confidences(crop)[0, columns])
            except StyleIDError:
                rows.append(torch.full((len(columns),), torch.nan))
        return torch.stack(rows) if rows else torch.zeros(0, len(columns))

    def attribute_columns(self, names: Sequence[str]) -> list[int]:
        """Where the family's attribute net tells these attributes. Raises InputError for those that it does not know."""
        family = self._settings.family
        known = () if family.attributes is None else family.attributes.names
        unknown = [name for name in names if name not in known]
        if unknown:
            raise InputError(
                f"The attribute net of {family.name!r} does not know {', '.join(unknown)}. It knows: {', '.join(known)}."
            )
        return [known.index(name) for name in names]

    def __repr__(self) -> str:
        return f"Anonymizer({self._settings.family!r}, on_failure={self._settings.on_failure!r})"


def _detector(
    family: Family, detect: Detect | None
) -> Callable[[Tensor, Sequence[Box] | None], Sequence[faces.Face]]:
    def find(picture: Tensor, boxes: Sequence[Box] | None) -> Sequence[faces.Face]:
        if detect is not None and not boxes:
            return detect(picture)
        return faces.detect_faces(
            picture, landmark_net=family.landmarks, detector=family.detector, boxes=boxes
        )

    return find


def _notes(family: Family, attempts: Sequence[Attempt]) -> tuple[str, ...]:
    """What the reports should say about this family; InputError where it cannot do what is asked."""
    methods = {attempt.method for attempt in attempts}
    if "channels" in methods and family.ranking is None:
        raise InputError(
            f"The family {family.name!r} has no channel ranking, so there is no fewest number of channels to swap. "
            "Choose method 'layers' or 'mask', or rank this family."
        )
    if "mask" in methods and (family.parser is None or family.seg_encoder is None):
        raise InputError(
            f"The family {family.name!r} has no parser or segmentation encoder. Choose method 'layers'."
        )
    if "swapper" in methods and family.swapper is None:
        raise InputError(
            f"The family {family.name!r} has no SwapperNet. Choose method 'layers', or train one for it: "
            "python -m styleid train-swapper."
        )
    notes = list(family.notes)
    if family.ranking is None:
        source = "those published for it" if family.layers else "the paper's share of the code"
        notes.append(f"no layer ranking: the identity layers are {source}, not measured")
    if family.parser is None:
        notes.append("no parser: areas are the usual places of an aligned face")
    return tuple(notes)
