"""Detect, parse, blend, paste back and verify, in batches with several faces."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

HEIGHT, WIDTH = 160, 240
AT = ((60, 70), (170, 80))  # centres of the two faces of the first photograph


@pytest.fixture
def face_at(modules):
    def make(x: float, y: float, size: float = 60.0):
        offsets = np.array([[-0.18, -0.1], [0.18, -0.1], [0.0, 0.08], [-0.14, 0.25], [0.14, 0.25]])
        landmarks = np.array([x, y]) + offsets * size
        box = (x - size / 2, y - size / 2, x + size / 2, y + size / 2)
        return modules("styleid.faces").Face(box, landmarks, 0.9, "test")

    return make


@pytest.fixture
def photographs() -> torch.Tensor:
    return torch.rand(2, HEIGHT, WIDTH, 3, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def aligned(modules, photographs, face_at):
    """Two faces in the first photograph, one in the second."""
    faces = [[face_at(*place) for place in AT], [face_at(120, 80)]]
    return modules("styleid.faces").align_faces(photographs, faces, 64)


@pytest.fixture
def sees(monkeypatch, modules):
    """Makes the detector see given faces."""

    def patch(*answers):
        queue = list(answers)
        for name in ("nodes.faces", "nodes._finish"):
            monkeypatch.setattr(
                modules(name), "detect_faces", lambda image, **_: queue.pop(0) if queue else []
            )

    return patch


@pytest.fixture
def judged(monkeypatch, modules):
    """Makes the judge find the faces hidden, or not, one answer per verification."""

    def patch(*answers):
        queue = list(answers)
        verification = modules("styleid.privacy").Verification

        def verify(picture, faces, masks, **_):
            hidden = queue.pop(0)
            return verification((0.5,) * len(faces), tuple(hidden[: len(faces)]), ())

        monkeypatch.setattr(modules("nodes._finish"), "verify_faces", verify)

    return patch


def paste(node, family, photographs, aligned, **inputs):
    crops = torch.zeros_like(aligned.crops)
    base = {"areas": torch.ones(1, 64, 64)} | inputs
    return node("StyleIDPasteFacesBack")(
        models=family, images=photographs, faces=aligned, crops=crops, **base
    )


def test_detect_and_align_batches(node, tiny_family, photographs, sees, face_at):
    sees([face_at(*place) for place in AT], [face_at(120, 80)])
    crops, faces, count = node("StyleIDDetectAndAlignFaces")(models=tiny_family, images=photographs)
    assert count == len(faces) == 3
    assert crops.shape == (3, 256, 256, 3)
    assert faces.frames == (0, 0, 1)


def test_no_face_is_an_outcome_of_its_own(node, tiny_family, photographs, sees, face_at, errors):
    sees([face_at(120, 80)], [])
    with pytest.raises(errors.InputError, match="image 2 of 2"):
        node("StyleIDDetectAndAlignFaces")(models=tiny_family, images=photographs)
    sees([face_at(120, 80)], [])
    crops, _, count = node("StyleIDDetectAndAlignFaces")(
        models=tiny_family, images=photographs, no_face="keep"
    )
    assert count == len(crops) == 1


def test_marked_spots_become_boxes(modules, photographs):
    marked = torch.zeros(2, HEIGHT, WIDTH)
    marked[0, 10:30, 20:50] = 1
    marked[0, 100:140, 150:200] = 1
    assert modules("nodes.faces").boxes_of(marked, photographs) == [
        [(20, 10, 50, 30), (150, 100, 200, 140)],
        [],
    ]


def test_pasting_changes_only_the_areas(node, tiny_family, photographs, aligned, judged):
    judged((True, True), (True,))
    images, changed, report, hidden = paste(node, tiny_family, photographs, aligned)
    assert hidden
    assert report.count("anonymised") == 3
    assert torch.equal(images[changed == 0], photographs[changed == 0])
    for frame, (x, y) in ((0, AT[0]), (0, AT[1]), (1, (120, 80))):
        assert changed[frame, y, x] == 1
    assert changed[:, :, 0].sum() == 0


@pytest.mark.parametrize("failing", [0, 1])
def test_a_face_that_is_still_recognised_is_blurred(node, tiny_family, photographs, aligned, judged, failing):
    first = tuple(index != failing for index in range(2))
    judged(first, (True, True), (True,))
    images, _, report, hidden = paste(node, tiny_family, photographs, aligned)
    assert not hidden
    assert report.count("blurred") == 1
    x, y = AT[failing]
    inside = images[0, y - 12 : y + 12, x - 12 : x + 12]
    assert 0 < inside.std() < 0.5 * photographs[0].std()  # neither pasted black nor the original


def test_a_blur_that_is_still_recognised_never_comes_out(
    node, tiny_family, photographs, aligned, judged, errors
):
    judged(*[(False, False)] * 20)
    with pytest.raises(errors.InputError, match="recognisable"):
        paste(node, tiny_family, photographs, aligned)


def test_block_and_pass(node, tiny_family, photographs, aligned, judged, errors):
    judged((False, True), (True,))
    with pytest.raises(errors.InputError, match="recognisable"):
        paste(node, tiny_family, photographs, aligned, on_failure="block")
    judged((False, True), (True,))
    _, _, report, hidden = paste(node, tiny_family, photographs, aligned, on_failure="pass")
    assert not hidden
    assert report.count("passed") == 1


def test_a_lost_crop_is_noticed(node, tiny_family, photographs, aligned, errors):
    with pytest.raises(errors.InputError, match="3 faces were found, but 2 crops"):
        node("StyleIDPasteFacesBack")(
            models=tiny_family, images=photographs, faces=aligned, crops=aligned.crops[:2]
        )


def test_photographs_without_faces_come_out_as_they_are(
    node, tiny_family, photographs, modules, sees, face_at
):
    nobody = modules("styleid.faces").align_faces(photographs, [[], []], 64)
    sees()
    images, changed, report, hidden = paste(node, tiny_family, photographs, nobody)
    assert torch.equal(images, photographs)
    assert changed.sum() == 0
    assert not hidden  # nobody was found, and that is no success
    assert "no face was found" in report
    sees([face_at(120, 80)], [])
    images, _, _, hidden = paste(node, tiny_family, photographs, nobody)
    assert not hidden
    assert not torch.equal(images[0], photographs[0])


@pytest.mark.parametrize("marked", [False, True])
def test_the_judge_compares_with_everybody_who_is_seen(
    node, tiny_family, photographs, modules, sees, face_at, monkeypatch, marked
):
    """A face that nobody replaced is blurred, and its blur judged; beside marks, the source is searched as well."""
    judged = []

    def verify(picture, faces, masks, *, sources, **_):
        judged.append((len(faces), len(sources)))
        return modules("styleid.privacy").Verification((1.9,) * len(faces), (True,) * len(faces), ())

    monkeypatch.setattr(modules("nodes._finish"), "verify_faces", verify)
    one = dataclasses.replace(face_at(60, 70), detector="boxes")
    aligned = modules("styleid.faces").align_faces(photographs[:1], [[one] if marked else []], 64)
    sees([face_at(60, 70), face_at(120, 80)])
    paste(node, tiny_family, photographs[:1], aligned)
    assert judged == ([(1, 3)] if marked else [(2, 2)])


def test_in_another_photograph_its_own_people_must_not_be_recognised(
    node, tiny_family, photographs, modules, sees, face_at, monkeypatch
):
    """Of the photograph pasted into, the same places and whoever is seen count, beside the faces that were cut out."""
    compared = []

    def verify(picture, faces, masks, *, sources, **_):
        compared.append(sources)
        return modules("styleid.privacy").Verification((1.9,) * len(faces), (True,) * len(faces), ())

    monkeypatch.setattr(modules("nodes._finish"), "verify_faces", verify)
    align, faces = modules("styleid.faces").align_faces, [face_at(*AT[0])]
    aligned = align(photographs[:1], [faces], 64)
    paste(node, tiny_family, photographs[:1], aligned)
    sees([face_at(120, 80)])
    paste(node, tiny_family, photographs[1:], aligned)
    assert [len(sources) for sources in compared] == [1, 3]
    there = tiny_family.judge.embed(align(photographs[1:], [[*faces, face_at(120, 80)]], 64).crops)
    torch.testing.assert_close(compared[1][1:], there)


def test_parse_region_blend(node, tiny_family, aligned):
    (labels,) = node("StyleIDParseFace")(models=tiny_family, crops=aligned.crops)
    assert labels.ids.shape == (3, 64, 64)
    (area,) = node("StyleIDRegionMask")(labels=labels, area="eyes+nose+mouth")
    assert area.shape == (3, 64, 64)
    assert 0 < area.mean() < 1
    (target,) = node("StyleIDRandomTargetFromMask")(models=tiny_family, labels=labels, layers="1-2")
    assert len(target) == 3
    (blend,) = node("StyleIDMaskedIdentityBlend")(source=aligned.crops, target=target, area=area)
    assert blend.shape == aligned.crops.shape
    assert torch.equal(blend[area == 0], aligned.crops[area == 0])
    assert not torch.equal(blend[area == 1], aligned.crops[area == 1])
    (parts,) = node("StyleIDMaskedIdentityBlend")(
        models=tiny_family, source=aligned.crops, target=target, area=area
    )
    assert torch.equal(parts[area == 0], aligned.crops[area == 0])
    assert not torch.equal(parts, blend)
    (soft,) = node("StyleIDMaskedIdentityBlend")(
        source=aligned.crops, target=target, area=area, sharpen=False
    )
    assert not torch.equal(soft, blend)


def test_of_several_random_faces_the_one_least_like_the_source_is_taken(node, tiny_family, aligned):
    (labels,) = node("StyleIDParseFace")(models=tiny_family, crops=aligned.crops)
    inputs = {"models": tiny_family, "labels": labels, "layers": "0-7", "seed": 3}
    (one,), (best,) = (
        node("StyleIDRandomTargetFromMask")(**inputs, source=aligned.crops, candidates=n) for n in (1, 6)
    )
    (alone,) = node("StyleIDRandomTargetFromMask")(**inputs)
    assert torch.equal(alone, one)
    embed = tiny_family.recogniser.embed
    near, far = ((embed(faces) - embed(aligned.crops)).norm(dim=1) for faces in (one, best))
    assert (far >= near).all()
    assert (far > near).any()
    empty = type(labels)(labels.ids[:0])
    (none,) = node("StyleIDRandomTargetFromMask")(
        **{**inputs, "labels": empty}, source=aligned.crops[:0], candidates=2
    )
    assert len(none) == 0


def test_drawing_from_a_mask_tells_its_progress_by_candidate(
    node, tiny_family, aligned, modules, monkeypatch
):
    (labels,) = node("StyleIDParseFace")(models=tiny_family, crops=aligned.crops)
    shares = []
    monkeypatch.setattr(
        modules("nodes._bridge"), "progress_bar", lambda _: lambda done, total: shares.append(done / total)
    )
    many = type(labels)(labels.ids.repeat(2, 1, 1))  # 6 faces: two steps
    node("StyleIDRandomTargetFromMask")(
        models=tiny_family, labels=many, source=aligned.crops.repeat(2, 1, 1, 1), candidates=2
    )
    assert shares == pytest.approx([2 / 6, 4 / 6, 4 / 6, 5 / 6, 1, 1])


def test_masks_of_other_sizes_fit(node, aligned):
    """Load Image without alpha gives a mask of 64 x 64 zeros, whatever the picture's size."""
    large = torch.rand(3, 128, 128, 3)
    (blend,) = node("StyleIDMaskedIdentityBlend")(
        source=large, target=aligned.crops, area=torch.zeros(1, 64, 64)
    )
    assert torch.equal(blend, large)


def test_identity_distance_is_per_face(node, tiny_family, aligned):
    measure = node("StyleIDIdentityDistance")
    smallest, mean, beyond, report = measure(
        models=tiny_family, source=aligned.crops, output=aligned.crops.flip(0)
    )
    assert smallest <= 1e-3  # the middle face is compared with itself
    assert 0 <= smallest <= mean <= 2
    assert 0 <= beyond < 1
    assert report.count("face ") == 3
