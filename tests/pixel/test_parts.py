"""Skin takes on the colours of skin, hair those of hair, lips, brows and eyes those of lips, brows and eyes."""

from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.faces.regions import BROWS, EYES, HAIR, LIPS
from styleid.pixel import match_parts

SKIN, NECK, FACE = 1, 17, torch.ones(1, 64, 64)


def halves(above: float, below: float) -> torch.Tensor:
    image = torch.full((1, 64, 64, 3), below)
    image[:, :32] = above
    return image


def labels(above: int) -> torch.Tensor:
    ids = torch.full((1, 64, 64), SKIN)
    ids[:, :32] = above
    return ids


@pytest.mark.parametrize("part", [HAIR, *LIPS, *BROWS, *EYES])
def test_each_part_takes_its_own_colour(part) -> None:
    matched = match_parts(halves(0.3, 0.9), halves(0.1, 0.6), FACE, labels(part), labels(part), "lab")
    assert matched[0, 40:].mean() == pytest.approx(0.6, abs=0.02)
    assert matched[0, :24].mean() == pytest.approx(0.1, abs=0.02)


def test_a_source_without_that_part_lends_its_skins_colour_only() -> None:
    matched = match_parts(halves(0.3, 0.9), halves(0.6, 0.6), FACE, labels(HAIR), labels(NECK), "lab")
    assert matched[0, 40:].mean() == pytest.approx(0.6, abs=0.02)
    assert matched[0, :24].mean() < 0.5


def test_the_targets_hair_over_the_sources_forehead_becomes_skin() -> None:
    matched = match_parts(halves(0.3, 0.9), halves(0.6, 0.6), FACE, labels(HAIR), labels(SKIN), "lab")
    assert matched[0].mean() == pytest.approx(0.6, abs=0.02)


def test_squinting_eyes_lend_the_colour_of_brows() -> None:
    matched = match_parts(halves(0.7, 0.9), halves(0.1, 0.6), FACE, labels(EYES[0]), labels(BROWS[0]), "lab")
    assert matched[0, :24].mean() == pytest.approx(0.1, abs=0.02)


def test_beside_a_part_nothing_is_brighter_than_either() -> None:
    """The map of dark hair makes skin far too light, which must not show at the hair's soft edge."""
    image = halves(0.3, 0.9)
    matched = match_parts(image, halves(0.1, 0.6), FACE, labels(HAIR), labels(HAIR))
    assert matched.max() < 0.65


def test_a_gap_between_the_targets_hair_and_the_sources_becomes_hair() -> None:
    """The new face's hair begins lower than the source's: what lies above it is behind the new head."""
    ids = labels(HAIR)
    ids[:, :12], ids[:, 40:44, 20:44] = 0, 6  # background above the hair, a brow
    matched = match_parts(halves(0.3, 0.9), halves(0.1, 0.6), FACE, ids, labels(HAIR), "lab")
    assert matched[0, :28].mean() == pytest.approx(0.1, abs=0.02)
    ids[:, 40:44, 20:44] = SKIN  # without brows nothing tells where the forehead is
    matched = match_parts(halves(0.3, 0.9), halves(0.1, 0.6), FACE, ids, labels(HAIR), "lab")
    assert matched[0, :8].mean() != pytest.approx(0.1, abs=0.02)


def test_skin_goes_on_where_the_targets_head_does_not_reach_the_edge_of_the_face() -> None:
    ids = torch.full((1, 64, 64), SKIN)
    ids[:, :, 48:], ids[:, 10:14, 10:20] = 0, 6  # background on the right, a brow
    image = torch.full((1, 64, 64, 3), 0.5)
    image[:, :, 48:] = 1.0
    matched = match_parts(image, torch.full_like(image, 0.4), FACE, ids, torch.full_like(ids, SKIN), "lab")
    assert matched[0, 20:, 52:].max() == pytest.approx(0.4, abs=0.02)


def test_behind_a_smaller_head_the_sources_surroundings_go_on() -> None:
    """And nothing of the source's face is left there. Beside its hair, the target's skin goes on instead."""
    own, theirs = torch.full((1, 64, 64), SKIN), torch.full((1, 64, 64), SKIN)
    own[:, :, 40:], theirs[:, :, 48:] = 0, 0
    target, source = torch.full((1, 64, 64, 3), 0.5), torch.full((1, 64, 64, 3), 0.6)
    target[:, :, 40:], source[:, :, 48:] = 1.0, 0.1
    matched = match_parts(target, source, (theirs == SKIN).float(), own, theirs, "lab")
    assert matched[0, :, 44:].max() == pytest.approx(0.1, abs=0.02)
    assert matched[0, :, :36].min() == pytest.approx(0.6, abs=0.02)
    theirs[:, :, 48:56] = HAIR
    matched = match_parts(target, source, (theirs == SKIN).float(), own, theirs, "lab")
    assert matched[0, 20:, 42:46].min() == pytest.approx(0.6, abs=0.02)


def test_labels_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="Labels must have"):
        match_parts(halves(0.3, 0.9), halves(0.1, 0.6), FACE, labels(HAIR)[:, :32], labels(HAIR))
