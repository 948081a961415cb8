from __future__ import annotations

import pytest

from styleid.errors import InputError
from styleid.evaluate import identities_of


def test_folders_where_there_are_any():
    how, people = identities_of(["ann/1.png", "ann/2.png", "bob/1.png"])
    assert how == "folders"
    assert people == {"ann/1.png": "ann", "ann/2.png": "ann", "bob/1.png": "bob"}


@pytest.mark.parametrize("pictures", [["1.png", "2.png"], ["a/1.png", "2.png"], ["a/1.png", "b/1.png"]])
def test_otherwise_everybody_appears_once(pictures):
    assert identities_of(pictures) == ("pairs", {})


def test_names_lose_their_number():
    pictures = ["Ann_Lee_0001.jpg", "Ann_Lee_0002.jpg", "bob (3).png", "x/bob12.png", "7.png"]
    _, people = identities_of(pictures, "names")
    assert list(people.values()) == ["Ann_Lee", "Ann_Lee", "bob", "x/bob", "7"]


def test_a_list(tmp_path):
    (tmp_path / "who.csv").write_text("picture,identity\n1.png,ann\n2.png, ann\nother.png,eve\n")
    (tmp_path / "who.json").write_text('{"1.png": "ann", "2.png": "ann"}')
    for name in ("who.csv", "who.json"):
        how, people = identities_of(["1.png", "2.png", "3.png"], tmp_path / name)
        assert (how, people) == ("list", {"1.png": "ann", "2.png": "ann"})


def test_a_list_that_fits_nothing_raises(tmp_path):
    (tmp_path / "who.csv").write_text("other.png,eve\n")
    (tmp_path / "who.json").write_text("[1]")
    for how, says in ((tmp_path / "who.csv", "none of the 1"), (tmp_path / "who.json", "cannot be read")):
        with pytest.raises(InputError, match=says):
            identities_of(["1.png"], how)
    for how in ("people", tmp_path / "none.csv"):
        with pytest.raises(InputError):
            identities_of(["1.png"], how)
