"""Areas from label maps: complete ones, and those a parser gets wrong."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from styleid.errors import InputError
from styleid.faces import AREAS, region_mask

S = 128


def head() -> torch.Tensor:
    """A made-up FFHQ label map [1, S, S]: hair, ears, neck, skin, brows, eyes, nose, mouth."""
    y, x = (np.mgrid[:S, :S] + 0.5) / S
    labels = np.zeros((S, S), dtype=np.int64)

    def blob(label: int, cx: float, cy: float, rx: float, ry: float) -> None:
        labels[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1] = label

    blob(13, 0.5, 0.42, 0.36, 0.38)
    blob(17, 0.5, 0.95, 0.14, 0.15)
    blob(8, 0.24, 0.55, 0.04, 0.07)
    blob(9, 0.76, 0.55, 0.04, 0.07)
    blob(1, 0.5, 0.56, 0.25, 0.33)
    for label, cx in ((6, 0.375), (7, 0.625)):
        blob(label, cx, 0.42, 0.07, 0.015)
    for label, cx in ((4, 0.375), (5, 0.625)):
        blob(label, cx, 0.475, 0.05, 0.02)
    blob(2, 0.5, 0.58, 0.05, 0.07)
    blob(11, 0.5, 0.725, 0.09, 0.015)
    blob(12, 0.5, 0.755, 0.08, 0.015)
    return torch.from_numpy(labels)[None]


def area(name: str, labels: torch.Tensor | None = None) -> np.ndarray:
    return region_mask(head() if labels is None else labels, name)[0].numpy() > 0.5


def test_areas_nest() -> None:
    names = ("eyes", "eyes+nose", "eyes+nose+mouth", "face", "face+hair")
    masks = [area(name) for name in names]
    for small, large in zip(masks, masks[1:], strict=False):
        assert not (small & ~large).any()
        assert small.sum() < large.sum()


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("eyes", (4, 5, 6, 7), (11, 12, 13, 17)),
        ("eyes+nose", (2, 4, 5), (12, 17)),
        ("eyes+nose+mouth", (2, 4, 5, 11, 12), (17,)),
        ("face", (1, 2, 4, 5, 6, 7, 11, 12), ()),
        ("face+hair", (1, 2, 4, 5, 8, 9, 11, 12, 13), ()),
    ],
)
def test_areas_hold_their_classes(name: str, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    labels, mask = head()[0].numpy(), area(name)
    assert mask[np.isin(labels, inside)].all()
    assert not mask[np.isin(labels, outside)].any()


def test_face_leaves_out_most_of_hair_ears_and_neck() -> None:
    labels, mask = head()[0].numpy(), area("face")
    for label in (8, 9, 13, 17):
        assert mask[labels == label].mean() < 0.65


def test_hair_over_the_cheeks_stays_and_a_fringe_does_not() -> None:
    """A fringe helps to tell who somebody is: kept, fewer new faces pass the judge."""
    labels = head()
    columns = torch.arange(S) / S
    beside = (labels == 1) & ((columns < 0.3) | (columns > 0.7))
    labels[beside] = 13
    fringe = labels == 1
    fringe[:, round(0.38 * S) :] = False
    labels[fringe] = 13
    mask = area("face", labels)
    assert mask[fringe[0].numpy()].mean() > 0.85
    assert mask[beside[0].numpy()].mean() < 0.6 < area("face")[beside[0].numpy()].mean()


def test_hair_on_the_inner_face_is_a_mistake() -> None:
    labels = head()
    labels[0, : round(0.7 * S), round(0.62 * S) :] = 13
    found = area("face", labels)
    assert found[round(0.5 * S) : round(0.7 * S), round(0.62 * S) : round(0.7 * S)].all()


def test_ears_and_hats_beside_the_face_stay() -> None:
    labels = head()
    labels[labels == 13] = 14
    assert area("face", labels)[labels[0].numpy() == 14].mean() < 0.1
    assert area("face")[np.isin(head()[0].numpy(), (8, 9))].mean() < 0.1


def test_a_turned_heads_surroundings_stay() -> None:
    """The far eye is behind the nose, and where it usually is there is a wall."""
    labels = head()
    wall = torch.arange(S) < 0.38 * S
    labels[:, :, wall] = 0
    masks = [area(name, labels) for name in ("eyes", "eyes+nose", "eyes+nose+mouth", "face", "face+hair")]
    for small, large in zip(masks, masks[1:], strict=False):
        assert not (small & ~large).any()
    assert not masks[-1][:, : int(0.35 * S)].any() and masks[3][labels[0].numpy() == 1].all()


def test_a_post_beside_a_turned_head_that_is_taken_for_skin_stays() -> None:
    labels = head()
    labels[:, :, : int(0.38 * S)] = 0
    across, down = slice(int(0.27 * S), int(0.40 * S)), slice(int(0.40 * S), int(0.70 * S))
    labels[:, int(0.40 * S) : int(0.44 * S), across] = 1
    labels[:, down, int(0.27 * S) : int(0.31 * S)] = 1
    mask = area("face", labels)
    assert not mask[int(0.50 * S) : int(0.70 * S), : int(0.34 * S)].any()
    assert mask[int(0.45 * S) : int(0.80 * S), int(0.40 * S) : int(0.60 * S)].all()


@pytest.mark.parametrize("name", [n for n in AREAS if n != "face-eyes"])
def test_no_holes_and_one_piece_even_from_noise(name: str) -> None:
    labels = head()
    noise = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))
    labels[noise < 0.25] = 0
    labels[noise > 0.97] = 13
    mask = area(name, labels)
    assert ndimage.label(mask)[1] == 1
    assert (ndimage.binary_fill_holes(mask) == mask).all()


@pytest.mark.parametrize("name", list(AREAS))
def test_an_empty_label_map_still_covers_the_usual_face(name: str) -> None:
    mask = area(name, torch.zeros(1, S, S, dtype=torch.long))
    assert mask[int(0.475 * S), int(0.375 * S)] and mask[int(0.475 * S), int(0.625 * S)]
    if "mouth" in name or name.startswith("face"):
        assert mask[int(0.73 * S), int(0.5 * S)]


def test_a_lost_eye_is_covered_all_the_same() -> None:
    labels = head()
    truth = labels[0].numpy() == 5
    labels[labels == 5] = 1
    assert area("eyes", labels)[truth].all()


def test_sunglasses_are_covered() -> None:
    labels = head()
    labels[0, 54:68, 36:92] = 3
    assert area("eyes", labels)[54:68, 36:92].all()


def test_a_second_face_at_the_edge_stays_out_of_the_face() -> None:
    labels = head()
    labels[0, 90:120, :14] = 1
    assert not area("face", labels)[95:115, :8].any()


def test_face_without_eyes_keeps_the_eyes_and_nothing_else() -> None:
    labels = head()[0].numpy()
    mask, face = area("face-eyes"), area("face")
    assert not mask[np.isin(labels, (4, 5))].any()
    assert mask[np.isin(labels, (2, 11, 12))].all()
    assert (face & ~mask).sum() < 0.15 * face.sum()


def test_everything_has_a_soft_border() -> None:
    mask = region_mask(head(), "everything")[0]
    assert mask[0].max() == 0 and mask[:, -1].max() == 0
    assert mask[S // 2, S // 2] == 1


def test_feather_runs_outside_the_area() -> None:
    hard, soft = region_mask(head(), "face")[0], region_mask(head(), "face", feather=0.05)[0]
    assert (soft[hard > 0] == 1).all()
    between = (soft > 0) & (soft < 1)
    assert between.any() and not (between & (hard > 0)).any()


def test_wrong_names_and_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="eyes"):
        region_mask(head(), "nostril")
    with pytest.raises(InputError):
        region_mask(head()[0], "face")
    with pytest.raises(InputError):
        region_mask(head(), "face", feather=2)
    assert region_mask(head()[:0], "face").shape == (0, S, S)
