from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from styleid.errors import InputError
from styleid.faces import align_faces, paste_faces
from styleid.privacy import verify_faces
from styleid.privacy.verify import same_place


@pytest.fixture
def scene(photograph, make_face, tiny_family):
    """A picture with two faces; `check` pastes other pixels over chosen ones and verifies."""
    picture = photograph()
    faces = [make_face(60, 70, 50), make_face(170, 80, 60)]
    aligned = align_faces(picture[None], [faces], 256)

    def check(replaced=(0, 1), detected=faces, judge=tiny_family.judge, **options):
        masks = torch.zeros(2, 256, 256)
        masks[list(replaced), 20:236, 20:236] = 1
        other = align_faces(photograph(seed=7)[None], [faces], 256).crops
        output = paste_faces(picture[None], other, masks, aligned)[0]
        return verify_faces(output, aligned, masks, judge=judge, detect=lambda _: detected, **options)

    return check


def test_replaced_faces_pass(scene):
    verdict = scene()
    assert verdict.passed and verdict.hidden == (True, True) and min(verdict.nearest) > 0.2


def test_an_untouched_face_is_not_hidden_whether_it_is_detected_or_not(scene):
    for detected in ([], None):
        verdict = scene(replaced=(0,)) if detected is None else scene(replaced=(0,), detected=[])
        assert verdict.hidden == (True, False) and not verdict.passed
        assert verdict.nearest[1] == pytest.approx(0, abs=0.01)


def test_a_face_that_nobody_handled_is_missed(scene, make_face):
    stranger = make_face(115, 130, 40)
    verdict = scene(detected=[make_face(60, 70, 50), stranger])
    assert verdict.missed == (stranger,) and not verdict.passed


def test_a_small_face_beside_a_handled_one_is_missed(scene, make_face):
    stranger = make_face(20, 105, 16)  # at the edge of the first face's crop, outside of what was replaced
    assert scene(detected=[stranger]).missed == (stranger,)


def test_a_face_made_of_new_pixels_is_no_missed_one(scene, make_face):
    assert scene(detected=[make_face(65, 80, 16)]).missed == ()


@pytest.mark.parametrize(("replaced", "missed"), [(5, 0), (3, 0), (2, 1), (0, 1)])
def test_a_face_is_new_where_most_of_its_landmarks_are(scene, make_face, replaced, missed):
    """Of a face far from every handled one, so many landmarks lie on new pixels; the others on the source's."""
    face = make_face(60, 70, 50)
    old, new = np.array([115.0, 130.0]), np.array([60.0, 70.0])
    points = np.where(np.arange(5)[:, None] < replaced, new, old)
    seen = replace(face, box=(110, 125, 120, 135), landmarks=points)
    assert len(scene(detected=[seen]).missed) == missed


def test_what_cannot_be_measured_is_not_hidden(scene, tiny_family):
    for value in (torch.nan, 0.0):

        class Blind(type(tiny_family.judge)):
            def embed(self, crops, value=value):
                return torch.full((len(crops), 512), value)

        judge = Blind("judge", tiny_family.judge.network, 0.2)
        verdict = scene(judge=judge, sources=torch.ones(1, 512))
        assert verdict.hidden == (False, False) and verdict.nearest == (None, None)
        with pytest.raises(InputError):
            scene(judge=tiny_family.judge, sources=torch.full((1, 512), value))


def test_every_source_face_counts(scene, tiny_family):
    judge = replace(tiny_family.judge, threshold=2.0)
    assert scene(judge=judge).hidden == (False, False)


def test_same_place(make_face):
    face = make_face(100, 100, 50)
    assert same_place(face, make_face(108, 95, 60)) and same_place(make_face(108, 95, 60), face)
    for other in (make_face(130, 100, 50), make_face(100, 100, 150), make_face(100, 100, 15)):
        assert not same_place(face, other)
