"""k, l and t of small tables that can be counted by hand."""

from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.privacy.plan import assign
from styleid.privacy.release import Release, achieved, to_withhold

TWO = Release(attributes=("Male", "Young"), k=2)
FULL = Release(attributes=("Male",), sensitive="Smiling", k=2, l=2, t=0.25)


def rows(*texts: str) -> torch.Tensor:
    """ "10" -> [True, False]"""
    return torch.tensor([[c == "1" for c in text] for text in texts])


def test_k_is_the_smallest_class():
    found = achieved(rows("00", "00", "00", "11", "11"), TWO)
    assert (found.k, found.classes, found.faces, found.l, found.t) == (2, 2, 5, None, None)
    assert found.meets(TWO) and not achieved(rows("00", "00", "01"), TWO).meets(TWO)


def test_l_and_t_are_about_the_sensitive_attribute():
    table = rows("10", "11", "11", "11", "00", "01", "01", "01")
    found = achieved(table, FULL)
    assert (found.k, found.l, found.t) == (4, 2, 0.0) and found.meets(FULL)
    uneven = achieved(rows("11", "11", "00", "00"), FULL)
    assert (uneven.l, uneven.t) == (1, 0.5) and not uneven.meets(FULL)


def test_no_faces_meet_nothing():
    assert achieved(torch.zeros(0, 2, dtype=torch.bool), TWO).k == 0


@pytest.mark.parametrize("k", [1, 2, 5, 20])
@pytest.mark.parametrize("sensitive", [None, "Smiling"])
def test_an_assignment_meets_what_it_is_for(k, sensitive):
    release = Release(attributes=("Male", "Young"), sensitive=sensitive, k=k)
    confidences = torch.rand(40, len(release.names), generator=torch.Generator().manual_seed(k))
    wanted = assign(confidences, release)
    found = achieved(wanted, release)
    assert found.meets(release)
    if sensitive is not None and k >= 5:
        assert found.t <= 0.5 / k + 0.05  # what rounding to whole faces leaves


def test_an_assignment_changes_no_more_than_it_must():
    confidences = torch.tensor([[0.9, 0.9], [0.8, 0.9], [0.1, 0.1], [0.2, 0.1], [0.9, 0.4]])
    wanted = assign(confidences, TWO)
    assert wanted.tolist() == rows("11", "11", "00", "00", "11").tolist()


def test_both_values_of_the_sensitive_attribute_occur_in_every_class():
    confidences = torch.tensor([[0.9, 0.1], [0.9, 0.2], [0.1, 0.1], [0.1, 0.3], [0.1, 0.2]])
    release = Release(attributes=("Male",), sensitive="Smiling", k=2, l=2)
    assert achieved(assign(confidences, release), release).meets(release)


def test_too_few_faces_are_refused():
    with pytest.raises(InputError, match="cannot be 3-anonymous"):
        assign(torch.rand(2, 2), Release(attributes=("Male", "Young"), k=3))


def test_pictures_with_a_face_that_stands_out_are_withheld_and_the_rest_meets_the_release():
    table = rows("00", "00", "11", "11", "01")
    assert to_withhold(table, [0, 1, 2, 3, 4], TWO) == {4}
    # the lonely face shares its picture with one of the pair "11", which is then alone
    assert to_withhold(table, [0, 1, 2, 3, 3], TWO) == {2, 3}
    assert to_withhold(table[:4], [0, 1, 2, 3], TWO) == set()
    uneven = rows("11", "11", "01", "00", "00", "01")
    left = [i for i in range(6) if i not in to_withhold(uneven, list(range(6)), FULL)]
    assert not left or achieved(uneven[left], FULL).meets(FULL)


@pytest.mark.parametrize(
    "options",
    [
        {"attributes": ()},
        {"attributes": ("Male", "Male")},
        {"attributes": ("Male",), "sensitive": "Male"},
        {"k": 0},
        {"l": 3, "sensitive": "Bald"},
        {"l": 2},
        {"t": 1.5, "sensitive": "Bald"},
    ],
)
def test_releases_that_make_no_sense_are_refused(options):
    with pytest.raises(InputError):
        Release(**options)
