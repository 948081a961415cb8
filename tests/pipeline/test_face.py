"""A new face takes on the colours of the source: its skin the skin's, its hair the hair's."""

from __future__ import annotations

import torch

from styleid.faces.regions import HAIR
from styleid.light import Light
from styleid.pipeline.face import SourceFace, adapted

SIZE, SKIN = 64, 1
FAIR, DARK = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.1, 0.07, 0.05])


def portrait(hairline: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture [1, S, S, 3] of dark hair down to a row and fair skin below, and its labels [1, S, S]."""
    labels = torch.full((1, SIZE, SIZE), SKIN)
    labels[:, :hairline] = HAIR
    generator = torch.Generator().manual_seed(0)
    colours = torch.where((labels == HAIR)[..., None], DARK, FAIR)
    return (colours + 0.02 * torch.randn(colours.shape, generator=generator)).clamp(0, 1), labels


def source_with(hairline: int) -> SourceFace:
    crop, labels = portrait(hairline)
    nothing = torch.zeros(1, 0)
    return SourceFace(crop, labels, torch.zeros(1, 2, 512), crop, nothing, {}, Light.of(crop))


def test_hair_of_the_new_face_over_the_sources_forehead_becomes_skin() -> None:
    decoded, labels = portrait(hairline=30)
    green = decoded * 0.7 + torch.tensor([0.0, 0.1, 0.0])
    new = adapted(source_with(hairline=16), green, False, lambda _: labels)
    assert (new[0, 4:10].mean((0, 1)) - DARK).abs().max() < 0.05
    assert (new[0, 22:50].mean((0, 1)) - FAIR).abs().max() < 0.05


def test_dark_hair_of_the_new_face_does_not_make_its_skin_pale() -> None:
    decoded, labels = portrait(hairline=36)
    new = adapted(source_with(hairline=0), decoded, False, lambda _: labels)
    assert abs(new[0, 44:60].mean() - FAIR.mean()) < 0.02
