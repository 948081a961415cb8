"""What is asked of new faces, on tables that can be counted by hand."""

from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.privacy.plan import assign, wishes
from styleid.privacy.release import Release, achieved, to_withhold

TWO = Release(attributes=("Male", "Young"), k=2)
FULL = Release(attributes=("Male",), sensitive="Smiling", k=2, l=2, t=0.25)


def rows(*texts: str) -> torch.Tensor:
    """ "10" -> [True, False]"""
    return torch.tensor([[c == "1" for c in text] for text in texts])


def test_faces_that_stay_count_and_are_not_changed():
    stay = rows("11", "11", "11")
    alone = torch.tensor([[0.2, 0.9]])
    assert assign(alone, TWO, stay).tolist() == [[True, True]]  # nobody to share "01" with
    pair = torch.tensor([[0.2, 0.9], [0.1, 0.8]])
    assert assign(pair, TWO, stay).tolist() == [[False, True]] * 2  # a class of their own
    assert assign(pair, TWO, stay, join=True).tolist() == [[True, True]] * 2
    with pytest.raises(InputError, match="A set of 1 faces"):
        assign(alone, TWO)


def test_a_face_that_no_class_can_take_ends_the_search():
    free = torch.tensor([[0.9]])
    wanted = assign(free, Release(attributes=("Male",), k=3), rows("1", "0"))
    assert wanted.tolist() == [[False]]  # two of three: what falls short is withheld afterwards


def test_one_face_cannot_be_diverse():
    confidences = torch.tensor([[0.9, 0.9], [0.8, 0.1], [0.1, 0.2]])
    release = Release(attributes=("Male",), sensitive="Smiling", k=1, l=2)
    assert achieved(assign(confidences, release), release).meets(release)


def test_a_class_that_stays_gets_its_share_of_the_sensitive_attribute():
    stay = rows("11", "11", "01", "00")  # all who are Male smile
    free = torch.tensor([[0.9, 0.9], [0.8, 0.7]])
    wanted = assign(free, FULL, stay)
    assert wanted.tolist() == [[True, True], [True, False]]
    assert achieved(torch.cat([stay, wanted]), FULL).meets(FULL)


def test_wishes_name_the_own_class_first_and_then_the_nearest():
    confidences = torch.tensor([[0.9, 0.9], [0.9, 0.8], [0.1, 0.2], [0.2, 0.1], [0.6, 0.2]])
    asked = wishes(confidences, TWO, tries=5, skip=7)
    assert {(one.tries, one.skip) for one in asked} == {(5, 7)}
    assert asked[0].choices == ({"Male": True, "Young": True}, {"Male": False, "Young": False})
    assert asked[4].choices[0] in ({"Male": True, "Young": True}, {"Male": False, "Young": False})
    sensitive = wishes(torch.rand(6, 2, generator=torch.Generator().manual_seed(0)), FULL)
    assert [sorted(choice) for choice in sensitive[0].choices[:2]] == [["Male", "Smiling"], ["Male"]]


def test_one_picture_is_withheld_where_one_is_enough():
    """Ten in each class; in one of them the sensitive attribute is just too frequent."""
    table = rows(*["11"] * 7, *["10"] * 3, *["01"] * 4, *["00"] * 6)
    asked = Release(attributes=("Male",), sensitive="Smiling", k=2, t=0.13)
    out = to_withhold(table, range(20), asked)
    rest = table[[row for row in range(20) if row not in out]]
    assert 0 < len(out) <= 2 and achieved(rest, asked).meets(asked)


def test_a_picture_that_does_not_fit_goes_in_any_case():
    table = rows("00", "00", "00")
    assert to_withhold(table, [0, 1, 2], TWO, {1}) == {1}
    assert to_withhold(table[:2], [0, 1], TWO, {1}) == {0, 1}
