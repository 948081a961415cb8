"""Which identity a face is given: chosen among several, averaged, edited, and never twice the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from styleid.errors import InputError, WeightsError
from styleid.latent import (
    IdentityBook,
    Keep,
    choose_targets,
    edit_codes,
    k_same_targets,
    learn_direction,
    load_direction,
    parse_keeps,
    swap_layers,
)
from styleid.metrics import attribute_distance, identity_distance
from styleid.randomness import derive_generator, make_generator


def swap(w_s, w_t):
    return swap_layers(w_s, w_t, range(1, 7))


@pytest.fixture
def family(tiny_family):
    """Random networks move little: a threshold that most of their candidates pass."""
    return replace(tiny_family, recogniser=replace(tiny_family.recogniser, threshold=1e-4))


@pytest.fixture
def w_s(family):
    return family.random_w(3, make_generator(1))


def generators(count, seed=5):
    return [derive_generator(seed, number) for number in range(count)]


@pytest.mark.parametrize("given", [generators(2), generators(4), generators(1) * 3, []])
def test_every_face_needs_its_own_generator(family, w_s, given):
    with pytest.raises(InputError, match="generator of its own"):
        choose_targets(family, w_s, given, swap, candidates=2)


def test_the_best_of_n_has_the_best_score_of_all_n(family, w_s):
    chosen = choose_targets(family, w_s, generators(3), swap, candidates=6)
    assert chosen.codes.shape == w_s.shape
    for number in range(3):
        drawn = family.random_w(6, derive_generator(5, number))
        crops = family.decode(swap(w_s[number : number + 1].expand_as(drawn), drawn))
        before = family.decode(w_s[number : number + 1])
        d_id = identity_distance(family.recogniser.embed(before), family.recogniser.embed(crops))
        attributes = family.attribute_confidences
        d_attr = attribute_distance(attributes(before), attributes(crops))
        picked = int(torch.isclose(drawn, chosen.codes[number]).all(-1).all(-1).nonzero())
        torch.testing.assert_close(d_id[picked], chosen.d_id[number])
        torch.testing.assert_close(d_attr[picked], chosen.d_attr[number])
        # Every other candidate hides less or changes the attributes more.
        better = (d_id > d_id[picked]) & (d_attr < d_attr[picked])
        assert not bool(better.any())


def test_a_kept_attribute_moves_no_more_than_allowed(family, w_s):
    free = choose_targets(family, w_s, generators(3), swap, candidates=12, alpha=5.0)
    column = family.attributes.names.index("Male")

    def moved(codes):
        return (
            family.attribute_confidences(family.decode(swap(w_s, codes)))
            - family.attribute_confidences(family.decode(w_s))
        ).abs()[:, column]

    # As strict as the best of the free choices manages: the greedy one must do at least as well where it can.
    strict = 1 - float(moved(free.codes).min()) * 0.9
    kept = choose_targets(
        family, w_s, generators(3), swap, candidates=12, alpha=5.0, keep=[Keep("Male", strict)]
    )
    for number, unmet in enumerate(kept.unmet):
        assert bool(moved(kept.codes)[number] <= 1 - strict + 1e-5) == (not unmet)
    assert any(not unmet for unmet in kept.unmet)


def test_impossible_wishes_are_named_and_unknown_ones_refused(family, w_s):
    chosen = choose_targets(family, w_s, generators(3), swap, candidates=2, keep=[Keep("Young", 1.0)])
    assert chosen.unmet == (("Young",),) * 3
    with pytest.raises(InputError, match="Smilng"):
        choose_targets(family, w_s, generators(3), swap, keep=[Keep("Smilng")])


def test_wishes_are_read_from_text():
    assert parse_keeps("Male 0.9\nYoung, Smiling: 1") == (
        Keep("Male", 0.9),
        Keep("Young"),
        Keep("Smiling", 1.0),
    )
    assert parse_keeps(" \n") == ()
    for bad in ("Male 2", "Male very", "0.5 Male"):
        with pytest.raises(InputError):
            parse_keeps(bad)


def test_no_two_faces_get_one_identity(family, w_s):
    """The same source and the same candidates: without the book all choose alike, with it each takes another."""
    same = w_s[:1].expand(3, -1, -1)
    alike = [make_generator(9) for _ in range(3)]
    chosen = choose_targets(family, same, alike, swap, candidates=8)
    assert torch.equal(chosen.codes[0], chosen.codes[1])
    book = IdentityBook(1e-3)
    book.add(family.recogniser.embed(family.decode(w_s)))
    apart = choose_targets(family, same, [make_generator(9) for _ in range(3)], swap, candidates=8, book=book)
    assert len(torch.unique(apart.codes.flatten(1), dim=0)) == 3
    assert len(book) == 6


def test_choosing_tells_its_progress_by_candidate(family, w_s):
    steps = []
    choose_targets(family, w_s, generators(3), swap, candidates=10, progress=lambda *step: steps.append(step))
    assert steps == [(done, 30) for done in (8, 10, 18, 20, 28, 30)]


def test_nothing_is_chosen_when_every_candidate_collides(family, w_s):
    book = IdentityBook(1.999)
    book.add(family.recogniser.embed(family.decode(w_s)))
    with pytest.raises(InputError, match="too near"):
        choose_targets(family, w_s, generators(3), swap, candidates=3, book=book)


def test_the_book_measures_from_the_nearest_and_keeps_its_size():
    book = IdentityBook(0.5, capacity=4)
    assert bool(book.free(torch.tensor([[1.0, 0.0]])))
    book.add(torch.tensor([[0.0, 2.0]]))  # of any length
    torch.testing.assert_close(book.nearest(torch.tensor([[1.0, 0.0]])), torch.tensor([2**0.5]))
    assert book.free(torch.tensor([[0.1, 1.0], [1.0, 0.0]])).tolist() == [False, True]
    book.add(torch.eye(2).repeat(5, 1))
    assert len(book) == 4
    assert "0." not in repr(book).replace("threshold=0.5", "")
    for value in (0.0, torch.nan):
        with pytest.raises(InputError, match="not measured"):
            book.add(torch.full((1, 2), value))


def test_k_same_gives_groups_of_k_their_mean():
    codes = torch.randn(7, 4, 512, generator=make_generator(2))
    means = k_same_targets(codes, 3)
    unique, counts = torch.unique(means.flatten(1), dim=0, return_counts=True)
    assert sorted(counts.tolist()) == [3, 4]
    for mean in unique:
        group = (means.flatten(1) == mean).all(1)
        torch.testing.assert_close(codes[group].mean(0).flatten(), mean)
    with pytest.raises(InputError, match="at least k"):
        k_same_targets(codes[:2], 3)


@pytest.mark.parametrize("shape", [(512,), (1, 512), (8, 512), (1, 8, 512), (1, 4096)])
@pytest.mark.parametrize("suffix", [".pt", ".npy", ".safetensors"])
def test_directions_of_every_published_shape(tmp_path, shape, suffix):
    values = torch.randn(shape, generator=make_generator(3))
    path = tmp_path / f"smile{suffix}"
    if suffix == ".pt":
        torch.save(values, path)
    elif suffix == ".npy":
        np.save(path, values.numpy())
    else:
        save_file({"direction": values}, path)
    wanted = values.reshape(-1, 512).expand(8, 512)
    assert torch.equal(load_direction(path, 8), wanted)


def test_a_direction_that_was_a_parameter_is_read_as_numbers(tmp_path):
    torch.save(torch.nn.Parameter(torch.ones(512)), tmp_path / "smile.pt")
    direction = load_direction(tmp_path / "smile.pt", 8)
    assert not direction.requires_grad and torch.equal(direction, torch.ones(8, 512))


def test_direction_files_that_are_refused(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    torch.save(torch.randn(18, 512), tmp_path / "other.pt")
    torch.save(torch.full((512,), torch.nan), tmp_path / "nan.pt")
    (tmp_path / "text.txt").write_text("0 1")
    for name in ("objects.npy", "module.pt", "other.pt", "nan.pt", "text.txt", "none.pt"):
        with pytest.raises(WeightsError):
            load_direction(tmp_path / name, 8)


def test_an_edit_moves_only_along_the_direction_and_only_in_its_layers(w_s):
    direction = torch.randn(8, 512, generator=make_generator(4))
    torch.testing.assert_close(edit_codes(w_s, direction, -2.0), w_s - 2 * direction)
    part = edit_codes(w_s, direction, 1.0, layers=[3])
    assert torch.equal(part[:, :3], w_s[:, :3])
    torch.testing.assert_close(part[:, 3], w_s[:, 3] + direction[3])
    with pytest.raises(InputError):
        edit_codes(w_s, direction[:4], 1.0)


def test_a_learned_direction_raises_its_attribute_on_new_faces(tiny_family):
    direction = learn_direction(tiny_family, "Smiling", samples=96, seed=1)
    codes = tiny_family.random_w(32, make_generator(77))
    column = tiny_family.attributes.names.index("Smiling")

    def mean(strength):
        edited = tiny_family.decode(edit_codes(codes, direction, strength))
        return float(tiny_family.attribute_confidences(edited)[:, column].mean())

    assert mean(-2.0) < mean(0.0) < mean(2.0)
    with pytest.raises(InputError, match="Smiling"):
        learn_direction(tiny_family, "Beard")
