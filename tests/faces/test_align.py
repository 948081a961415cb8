"""FFHQ alignment and pasting back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from styleid.errors import InputError
from styleid.faces import Face, align_faces, face_areas, ffhq_quad, paste_faces

UPRIGHT = np.array([[-30, -20], [30, -20], [0, 12], [-22, 45], [22, 45]], dtype=np.float64)


def face_at(x: float, y: float, *, scale: float = 1.0, degrees: float = 0.0) -> Face:
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * scale
    points = UPRIGHT @ turn.T + [x, y]
    low, high = points.min(0), points.max(0)
    return Face((*low, *high), points, 1.0, "test")


def smooth_photo(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """[1, H, W, 3]: low frequencies only, so that resampling loses next to nothing."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, height // 40 + 2, width // 40 + 2, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic", align_corners=True)
    return fine.clamp(0, 1).movedim(1, -1).contiguous()


def reference_quad(points: np.ndarray) -> np.ndarray:
    """The FFHQ crop in complex numbers: an independent way to write the same square."""
    z = points[:, 0] + 1j * points[:, 1]
    between, down = z[1] - z[0], (z[3] + z[4]) / 2 - (z[0] + z[1]) / 2
    # A quarter turn back of the eye-mouth line, added to the eye line, gives the crop's horizontal.
    axis = between - 1j * down
    axis *= max(2.0 * abs(between), 1.8 * abs(down)) / abs(axis)
    centre = (z[0] + z[1]) / 2 + 0.1 * down
    corners = [centre + axis * turn for turn in (-1 - 1j, -1 + 1j, 1 + 1j, 1 - 1j)]
    return np.array([[corner.real, corner.imag] for corner in corners])


@pytest.mark.parametrize("degrees", [0, 17, 90, 180, 251])
def test_quad_equals_an_independent_formula(degrees: float) -> None:
    noise = np.random.default_rng(int(degrees)).normal(0, 3, (5, 2))
    points = face_at(200, 150, degrees=degrees).landmarks.astype(np.float64) + noise
    assert np.allclose(ffhq_quad(points), reference_quad(points))


def test_landmarks_on_one_point_are_refused() -> None:
    with pytest.raises(InputError):
        ffhq_quad(np.full((5, 2), 7.0))


def test_map_takes_the_quad_to_the_crops_corners() -> None:
    face = face_at(180, 140, degrees=33)
    aligned = align_faces(smooth_photo(300, 400), [[face]], 64)
    matrix = aligned.to_crop[0]
    corners = ffhq_quad(face.landmarks) @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(corners, [[-0.5, -0.5], [-0.5, 63.5], [63.5, 63.5], [63.5, -0.5]])


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_photograph_gives_the_same_crop(quarters: int) -> None:
    photo = smooth_photo(260, 300)
    straight = align_faces(photo, [[face_at(150, 130, scale=0.8)]], 64)
    turned = torch.rot90(photo, -quarters, (1, 2)).contiguous()
    x, y = {1: (260 - 1 - 130, 150), 2: (300 - 1 - 150, 260 - 1 - 130), 3: (130, 300 - 1 - 150)}[quarters]
    again = align_faces(turned, [[face_at(x, y, scale=0.8, degrees=90 * quarters)]], 64)
    assert torch.allclose(straight.crops, again.crops, atol=2e-4)


def test_shrinking_does_not_alias() -> None:
    photo = (torch.arange(1200)[:, None] + torch.arange(1200)) % 2  # a checkerboard of single pixels
    photo = photo.float()[None, :, :, None].expand(-1, -1, -1, 3).contiguous()
    crop = align_faces(photo, [[face_at(600, 600, scale=4.3, degrees=10)]], 64).crops
    assert (crop - 0.5).abs().max() < 0.05


def test_order_is_by_photograph_then_as_given_and_frames_say_so() -> None:
    photos = smooth_photo(300, 400).expand(3, -1, -1, -1)
    faces = [[face_at(100, 100)], [], [face_at(300, 150), face_at(120, 180, degrees=40)]]
    aligned = align_faces(photos, faces, 32)
    assert aligned.frames == (0, 2, 2)
    assert aligned.faces == (faces[0][0], *faces[2])
    assert aligned.crops.shape == (3, 32, 32, 3)


def test_no_face_is_an_empty_batch() -> None:
    photos = smooth_photo(80, 100)
    aligned = align_faces(photos, [[]], 32)
    assert aligned.crops.shape == (0, 32, 32, 3)
    assert torch.equal(paste_faces(photos, aligned.crops, torch.zeros(0, 32, 32), aligned), photos)


def test_a_face_at_the_edge_is_mirrored_not_black() -> None:
    crop = align_faces(torch.full((1, 200, 200, 3), 0.7), [[face_at(5, 5)]], 32).crops
    assert torch.allclose(crop, torch.full_like(crop, 0.7), atol=1e-5)


@pytest.mark.parametrize(("size", "degrees"), [(128, 0), (256, 25), (512, 200)])
def test_round_trip_keeps_the_photograph(size: int, degrees: float) -> None:
    photos = smooth_photo(400, 500)
    aligned = align_faces(photos, [[face_at(240, 210, degrees=degrees)]], size)
    pasted = paste_faces(photos, aligned.crops, torch.ones(1, size, size), aligned)
    area = face_areas(torch.ones(1, size, size), aligned)[0]
    with pytest.raises(InputError, match="only 0 were given"):
        face_areas(torch.ones(1, size, size), aligned, frames=0)
    assert area.float().mean() > 0.1
    assert (pasted - photos)[0][area].abs().max() < 0.02
    assert torch.equal(pasted[0][~area], photos[0][~area])


def test_background_keeps_its_bits_whatever_is_pasted() -> None:
    generator = torch.Generator().manual_seed(3)
    photos = torch.rand(2, 240, 320, 3, generator=generator)
    aligned = align_faces(photos, [[face_at(90, 100)], [face_at(200, 120, degrees=77)]], 64)
    masks = torch.zeros(2, 64, 64)
    masks[:, 20:44, 16:50] = 1
    pasted = paste_faces(photos, torch.rand(2, 64, 64, 3, generator=generator), masks, aligned)
    for before, after, area in zip(photos, pasted, face_areas(masks, aligned), strict=True):
        assert 0 < area.float().mean() < 0.3
        assert torch.equal(before[~area], after[~area])
        assert not torch.equal(before[area], after[area])
    assert torch.equal(photos[0], torch.rand(2, 240, 320, 3, generator=torch.Generator().manual_seed(3))[0])


def test_nothing_is_pasted_outside_the_quad_and_its_edge_is_soft() -> None:
    photos = torch.zeros(1, 300, 300, 3)
    face = face_at(150, 150, degrees=30)
    aligned = align_faces(photos, [[face]], 64)
    pasted = paste_faces(photos, torch.ones(1, 64, 64, 3), torch.ones(1, 64, 64), aligned)[0, ..., 0]
    y, x = np.mgrid[:300, :300]
    matrix = aligned.to_crop[0]
    u, v = (matrix[k, 0] * x + matrix[k, 1] * y + matrix[k, 2] for k in (0, 1))
    outside = torch.from_numpy((np.minimum(u, v) < -0.5) | (np.maximum(u, v) > 63.5))
    assert pasted[outside].max() == 0
    assert pasted.max() == 1
    assert (pasted[:, 1:] - pasted[:, :-1]).abs().max() < 0.5


def test_overlapping_faces_have_a_defined_order() -> None:
    photos = torch.zeros(1, 300, 400, 3)
    small, large = face_at(150, 150, scale=0.6), face_at(220, 150, scale=1.2)
    first = align_faces(photos, [[small, large]], 64)
    second = align_faces(photos, [[large, small]], 64)
    colours = torch.tensor([0.25, 0.75])[:, None, None, None].expand(2, 64, 64, 3)
    ones = torch.ones(2, 64, 64)
    assert torch.equal(
        paste_faces(photos, colours, ones, first), paste_faces(photos, colours.flip(0), ones, second)
    )


def test_large_photographs_are_pasted_band_by_band(monkeypatch: pytest.MonkeyPatch) -> None:
    from styleid.faces import paste

    photos = smooth_photo(240, 320)
    aligned = align_faces(photos, [[face_at(150, 120, degrees=20)]], 64)
    crops, masks = torch.rand(1, 64, 64, 3), torch.ones(1, 64, 64)
    whole = paste_faces(photos, crops, masks, aligned)
    monkeypatch.setattr(paste, "_BAND", 2000)
    assert torch.allclose(paste_faces(photos, crops, masks, aligned), whole, atol=1e-5)


def test_wrong_photographs_masks_and_crops_are_refused() -> None:
    photos = smooth_photo(200, 200)
    aligned = align_faces(photos, [[face_at(100, 100)]], 32)
    crops, masks = aligned.crops, torch.ones(1, 32, 32)
    for bad in (
        lambda: paste_faces(smooth_photo(200, 240), crops, masks, aligned),
        lambda: paste_faces(photos, crops[:0], masks, aligned),
        lambda: paste_faces(photos, crops, torch.ones(1, 16, 16), aligned),
        lambda: align_faces(photos[0], [[]], 32),
        lambda: align_faces(photos, [], 32),
        lambda: align_faces(photos, [[face_at(9000, 9000)]], 32),
    ):
        with pytest.raises(InputError):
            bad()


def test_reprs_show_no_pixels() -> None:
    aligned = align_faces(smooth_photo(200, 200), [[face_at(100, 100)]], 32)
    assert "tensor" not in repr(aligned)
    assert "array" not in repr(aligned.faces[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_as_near_as_its_rounding(dtype: torch.dtype) -> None:
    photo, faces = smooth_photo(600, 600), [[face_at(300, 300, scale=2.0, degrees=15)]]
    exact = align_faces(photo, faces, 128)
    half = align_faces(photo.to(dtype), faces, 128)
    assert (half.crops.float() - exact.crops).abs().max() < 0.02
    pasted = paste_faces(photo.to(dtype), half.crops, torch.ones(1, 128, 128, dtype=dtype), half)
    assert bool(torch.isfinite(pasted).all())


def test_bytes_are_refused() -> None:
    with pytest.raises(InputError, match="floats"):
        align_faces(torch.zeros(1, 64, 64, 3, dtype=torch.uint8), [[face_at(32, 32)]], 64)
