"""Two people never get one face: within a picture and over the pictures of a run, as far as there are faces."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from styleid import Anonymizer
from styleid.latent import IdentityBook
from styleid.pipeline.track import Track


@pytest.fixture
def make_settings():
    """Settings of a judge whose embedding of a candidate is the candidate's composite."""

    def make(threshold, book=None):
        judge = SimpleNamespace(threshold=threshold, embed=lambda composite: composite, name="judge")
        return SimpleNamespace(goal=SimpleNamespace(judge=judge), book=book)

    return make


def track_with(*embeddings):
    track = Track(index=0, face=None, seed=1)
    track._prober = SimpleNamespace(reason=None, last=None, passes=0)
    track._proposals = iter([SimpleNamespace(composite=torch.tensor([e])) for e in embeddings])
    return track


NORTH, NEAR_NORTH, EAST, SOUTH = [0.0, 1.0], [0.1, 1.0], [1.0, 0.0], [0.0, -1.0]
NOBODY = torch.empty(0, 0)


def test_nobody_gets_the_face_of_somebody_in_the_picture(make_settings):
    settings = make_settings(0.5)
    track = track_with(NEAR_NORTH, EAST)
    track.advance(settings, torch.tensor([NORTH]), NOBODY)
    assert track.candidate.composite.tolist() == [EAST]
    only = track_with(NEAR_NORTH)
    only.advance(settings, torch.tensor([NORTH]), NOBODY)
    assert only.candidate is None
    assert only.failed


def test_a_new_face_of_the_same_picture_is_avoided_and_told_where_there_is_no_other(make_settings):
    settings, worn = make_settings(0.5), torch.tensor([EAST])
    track = track_with(EAST, SOUTH)
    track.advance(settings, torch.tensor([NORTH]), worn)
    assert track.candidate.composite.tolist() == [SOUTH]
    assert not track.notes
    only = track_with(EAST, [1.0, -0.25])
    only.advance(settings, torch.tensor([NORTH]), worn)
    assert only.candidate.composite.tolist() == [[1.0, -0.25]]
    assert "another new face of this picture" in only.notes[0]


def test_a_face_of_an_earlier_picture_is_avoided(make_settings):
    book = IdentityBook(0.5)
    book.add(torch.tensor([EAST]))
    track = track_with(EAST, SOUTH)
    track.advance(make_settings(0.5, book), torch.tensor([NORTH]), NOBODY)
    assert track.candidate.composite.tolist() == [SOUTH]
    assert not track.notes


def test_when_none_is_left_the_farthest_is_given_and_the_report_says_so(make_settings):
    book = IdentityBook(0.5)
    book.add(torch.tensor([EAST]))
    track = track_with([1.0, 0.2], [1.0, -0.25], [1.0, 0.1])
    track.advance(make_settings(0.5, book), torch.tensor([NORTH]), NOBODY)
    assert track.candidate.composite.tolist() == [[1.0, -0.25]]
    assert "resembles" in track.notes[0]


def test_a_face_that_is_clearly_somebody_else_is_preferred(make_settings):
    track = track_with(EAST, SOUTH)
    track.clear = 3.0
    track.advance(make_settings(0.5), torch.tensor([NORTH]), NOBODY)
    assert track.candidate.composite.tolist() == [SOUTH]
    track = track_with([1.0, 0.2], [1.0, -0.25], [1.0, 0.1])  # none is: the farthest
    track.clear = 4.0
    track.advance(make_settings(0.5), torch.tensor([NORTH]), NOBODY)
    assert track.candidate.composite.tolist() == [[1.0, -0.25]]
    assert not track.notes


def test_a_face_of_an_earlier_picture_is_avoided_before_one_that_is_not_clear(make_settings):
    book = IdentityBook(0.5)
    book.add(torch.tensor([SOUTH]))
    track = track_with(SOUTH, EAST)
    track.clear = 3.0
    track.advance(make_settings(0.5, book), torch.tensor([NORTH]), NOBODY)
    assert track.candidate.composite.tolist() == [EAST]
    assert not track.notes


def test_the_people_of_one_picture_get_faces_that_the_judge_tells_apart(
    tiny_family, photograph, make_face, small_crops
):
    family = replace(tiny_family, judge=replace(tiny_family.judge, threshold=0.02))
    faces = [make_face(60, 80, 60), make_face(180, 80, 60)]
    seen = []
    keep = IdentityBook.add

    def watch(self, embeddings):
        seen.append(embeddings)
        keep(self, embeddings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(IdentityBook, "add", watch)
        anonymizer = Anonymizer(family, "medium", detect=lambda picture: faces, on_failure="blur")
        result = anonymizer([photograph()])[0]
    if result.outcome == "anonymised":
        known = torch.cat(seen)  # two sources, two new faces
        assert len(known) == 4
        assert float(torch.pdist(known).min()) > 0.02
    assert "book" not in repr(anonymizer)


def test_seeded_results_do_not_depend_on_earlier_pictures(tiny_family, photograph, make_face, small_crops):
    faces = [make_face(120, 80, 60)]
    make = lambda: Anonymizer(tiny_family, "medium", 5, detect=lambda picture: faces, on_failure="blur")  # noqa: E731
    alone = make()([photograph(seed=1)])[0].output
    after = make()([photograph(seed=1), photograph(seed=1)])[1].output
    assert torch.equal(alone, after)
