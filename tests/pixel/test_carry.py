"""A new face keeps the glasses and the open mouth of the source, in its own lips and without a detail of the source."""

from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.faces.regions import GLASSES, LIPS, MOUTH, SKIN
from styleid.pixel import carry_over, masked_blend

SIZE = 128
FAIR, BLACK, TEETH = torch.tensor([0.8, 0.6, 0.5]), torch.tensor([0.05, 0.05, 0.05]), torch.ones(3)
PALE, RED = torch.tensor([0.9, 0.8, 0.75]), torch.tensor([0.7, 0.2, 0.2])
INSIDE, (UPPER, LOWER) = MOUTH[0], LIPS


def ellipse(x: float, y: float, width: float, height: float) -> torch.Tensor:
    """Bool [1, S, S]; centre and half axes are shares of the side."""
    steps = torch.linspace(0, 1, SIZE)
    return (((steps[None] - x) / width) ** 2 + ((steps[:, None] - y) / height) ** 2 <= 1)[None]


LENSES = ellipse(0.35, 0.45, 0.11, 0.08) | ellipse(0.65, 0.45, 0.11, 0.08)
GLASS = ellipse(0.35, 0.45, 0.095, 0.065) | ellipse(0.65, 0.45, 0.095, 0.065)


def skin(colour: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture [1, S, S, 3] of nothing but skin, and its labels [1, S, S]."""
    return colour.expand(1, SIZE, SIZE, 3).clone(), torch.full((1, SIZE, SIZE), SKIN)


def bespectacled(colour: torch.Tensor, rim: torch.Tensor = BLACK, glass: torch.Tensor | None = None):
    image, labels = skin(colour)
    labels[LENSES] = GLASSES
    image[LENSES & ~GLASS] = rim
    if glass is not None:
        image[GLASS] = glass
    return image, labels


def mouth(colour: torch.Tensor, lips: torch.Tensor, inside: torch.Tensor, opened: float):
    """A face with lips around a mouth that is open by a share of the side, up and down."""
    image, labels = skin(colour)
    around, hole = (ellipse(0.5, 0.75, 0.13, height) for height in (opened + 0.03, opened))
    upper = around & (torch.arange(SIZE)[:, None] < 0.75 * SIZE)
    for where, label, paint in ((around, LOWER, lips), (upper, UPPER, lips), (hole, INSIDE, inside)):
        labels[where], image[where] = label, paint
    return image, labels


def test_the_rim_of_the_sources_glasses_is_drawn_and_clear_lenses_show_the_new_eyes() -> None:
    (source, theirs), (target, own) = bespectacled(FAIR), skin(PALE)
    worn = carry_over(target, source, own, theirs)
    rim = LENSES & ~GLASS
    assert (worn[rim] - BLACK).abs().mean() < 0.15
    middle = ellipse(0.35, 0.45, 0.05, 0.03)
    assert torch.allclose(worn[middle], target[middle], atol=1e-3)
    assert torch.allclose(worn[:, 90:], target[:, 90:], atol=1e-6)


def test_dark_lenses_are_filled() -> None:
    (source, theirs), (target, own) = bespectacled(FAIR, glass=BLACK), skin(PALE)
    assert carry_over(target, source, own, theirs)[GLASS].mean() < 0.1


def test_what_lies_behind_the_sources_lenses_does_not_show() -> None:
    target, own = skin(PALE)
    plain, labels = bespectacled(FAIR)
    eyed = plain.clone()
    eyed[ellipse(0.35, 0.45, 0.03, 0.02) | ellipse(0.65, 0.45, 0.03, 0.02)] = BLACK
    both = [carry_over(target, source, own, labels) for source in (plain, eyed)]
    assert torch.allclose(*both, atol=0.02)


def test_a_target_with_glasses_keeps_its_own() -> None:
    (source, theirs), (target, own) = bespectacled(FAIR), bespectacled(PALE, rim=RED)
    assert torch.equal(carry_over(target, source, own, theirs), target)


def test_a_face_without_either_stays_as_it_is() -> None:
    (source, theirs), (target, own) = skin(FAIR), mouth(PALE, RED, TEETH, 0.03)
    assert torch.equal(carry_over(target, source, own, theirs), target)


def test_teeth_come_between_lips_in_the_colour_of_the_targets() -> None:
    brown = torch.tensor([0.5, 0.3, 0.2])
    (source, theirs), (target, own) = mouth(FAIR, brown, TEETH, 0.04), mouth(PALE, RED, RED, 0.0)
    smiling = carry_over(target, source, own, theirs)
    column = smiling[0, :, SIZE // 2]
    row = int(0.75 * SIZE)
    assert (column[row] - TEETH).abs().max() < 0.05
    reds = (column - RED).abs().amax(-1) < 0.1
    assert bool(reds[:row].any()) and bool(reds[row:].any())
    assert not bool(((smiling - brown).abs().amax(-1) < 0.05).any())


def test_lips_that_the_opened_mouth_left_become_skin() -> None:
    (source, theirs), (target, own) = mouth(FAIR, RED, TEETH, 0.04), skin(PALE)
    aside = mouth(PALE, RED, RED, 0.0)
    target, own = (torch.roll(one, SIZE // 8, 1) for one in aside)
    opened = carry_over(target, source, own, theirs)
    assert (opened[0, round(0.9 * SIZE), SIZE // 2] - PALE).abs().max() < 0.05


def test_a_target_whose_mouth_is_open_keeps_it() -> None:
    (source, theirs), (target, own) = (mouth(colour, RED, TEETH, 0.04) for colour in (FAIR, PALE))
    target[:, int(0.75 * SIZE) :][own[:, int(0.75 * SIZE) :] == INSIDE] = 0
    source[:, int(0.75 * SIZE) :][theirs[:, int(0.75 * SIZE) :] == INSIDE] = 0
    assert torch.equal(carry_over(target, source, own, theirs), target)


def test_a_blend_that_knows_the_parts_carries_them_over() -> None:
    (source, theirs), (target, own) = bespectacled(FAIR), skin(PALE)
    rim, everywhere = LENSES & ~GLASS, torch.ones(1, SIZE, SIZE)
    with_parts, without = (
        masked_blend(source, target, everywhere, match="none", labels=labels)
        for labels in ((own, theirs), None)
    )
    assert with_parts[rim].mean() < 0.3 < without[rim].mean()


def test_labels_of_another_size_are_refused() -> None:
    (source, theirs), (target, own) = bespectacled(FAIR), skin(PALE)
    with pytest.raises(InputError, match="one size"):
        carry_over(target, source, own[:, :64], theirs)
