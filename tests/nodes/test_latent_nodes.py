"""Codes: encode, decode, random identities, layers, channels."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture
def crops() -> torch.Tensor:
    return torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def codes(node, tiny_family, crops):
    (codes,) = node("StyleIDEncodeToWPlus")(models=tiny_family, crops=crops)
    return codes


def test_encode_and_decode_whole_batches(node, tiny_family, codes):
    assert codes.w_plus.shape == (3, tiny_family.generator.num_layers, 512)
    (images,) = node("StyleIDDecodeWPlus")(models=tiny_family, codes=codes)
    size = tiny_family.generator.size
    assert images.shape == (3, size, size, 3)
    assert images.min() >= 0
    assert images.max() <= 1


def test_refined_codes_decode_to_something_nearer(node, tiny_family) -> None:
    crops = tiny_family.decode(tiny_family.random_w(1, torch.Generator().manual_seed(1)))
    encode, decode = node("StyleIDEncodeToWPlus"), node("StyleIDDecodeWPlus")
    far, near = (
        (decode(models=tiny_family, codes=encode(models=tiny_family, crops=crops, **steps)[0])[0] - crops)
        .abs()
        .mean()
        for steps in ({}, {"refine_steps": 10})
    )
    assert near < far


def test_empty_batches_pass_through(node, tiny_family, crops):
    (codes,) = node("StyleIDEncodeToWPlus")(models=tiny_family, crops=crops[:0])
    assert len(codes) == 0
    (target,) = node("StyleIDRandomIdentity")(models=tiny_family, one_per_face=codes)
    (swapped,) = node("StyleIDSwapIdentityLayers")(
        models=tiny_family, source=codes, target=target, layers="0"
    )
    (images,) = node("StyleIDDecodeWPlus")(models=tiny_family, codes=swapped)
    assert len(images) == 0


def test_codes_do_not_print_themselves(codes):
    assert "0." not in repr(codes)
    assert len(repr(codes)) < 60


def test_random_identities_are_secret_unless_seeded(node, tiny_family, codes):
    draw = node("StyleIDRandomIdentity")
    one, two = (draw(models=tiny_family, one_per_face=codes)[0].w_plus for _ in range(2))
    assert one.shape == codes.w_plus.shape
    assert not torch.equal(one, two)
    assert not torch.equal(one[0], one[1])
    same = [draw(models=tiny_family, count=2, seed=5)[0].w_plus for _ in range(2)]
    assert torch.equal(*same)
    assert not torch.equal(same[0][0], same[0][1])


def test_only_the_named_layers_move(node, tiny_family, codes):
    (target,) = node("StyleIDRandomIdentity")(models=tiny_family, count=1)
    (swapped,) = node("StyleIDSwapIdentityLayers")(
        models=tiny_family, source=codes, target=target, layers="1-2, 4"
    )
    moved = (swapped.w_plus != codes.w_plus).any(dim=-1).all(dim=0)
    assert moved.nonzero().flatten().tolist() == [1, 2, 4]


@pytest.mark.parametrize(("steps", "coarser", "finer"), [(1, 0, 2), (3, 1, 6)])
def test_ranked_layers_are_widened_by_finer_ones_first(node, tiny_family, codes, steps, coarser, finer):
    (target,) = node("StyleIDRandomIdentity")(models=tiny_family, one_per_face=codes)
    (swapped,) = node("StyleIDSwapIdentityLayers")(
        models=tiny_family, source=codes, target=target, layers=f"ranked+{steps}", strength=1.0
    )
    moved = (swapped.w_plus != codes.w_plus).any(-1).any(0).nonzero().flatten().tolist()
    own = tiny_family.ranking.layers
    last = tiny_family.generator.num_layers - 1
    assert moved == list(range(max(0, min(own) - coarser), min(last, max(own) + finer) + 1))


@pytest.mark.parametrize("layers", ["99", "3-", "a", "1;2", "4-2"])
def test_layers_that_do_not_exist_are_named(node, tiny_family, codes, errors, layers):
    with pytest.raises(errors.InputError, match="layers"):
        node("StyleIDSwapIdentityLayers")(models=tiny_family, source=codes, target=codes, layers=layers)


def test_counts_must_fit(node, tiny_family, codes, errors):
    (two,) = node("StyleIDRandomIdentity")(models=tiny_family, count=2)
    with pytest.raises(errors.InputError, match="expected 3"):
        node("StyleIDSwapIdentityLayers")(models=tiny_family, source=codes, target=two, layers="1")


def test_a_channel_mask_is_an_ordinary_mask(node, tiny_family, codes):
    if tiny_family.ranking is None:
        pytest.skip("this family has no ranking")
    mask, count = node("StyleIDChannelMask")(models=tiny_family, share=0.25)
    assert mask.shape == (1, *codes.w_plus.shape[1:])
    assert mask.sum() == count == round(0.25 * mask.numel())
    (target,) = node("StyleIDRandomIdentity")(models=tiny_family, count=3)
    swap = node("StyleIDSwapChannels")
    (part,) = swap(source=codes, target=target, channels=mask)
    (rest,) = swap(source=codes, target=target, channels=1 - mask)
    chosen = mask[0].bool()
    assert torch.equal(part.w_plus[:, chosen], target.w_plus[:, chosen])
    assert torch.equal(part.w_plus[:, ~chosen], codes.w_plus[:, ~chosen])
    assert torch.equal(rest.w_plus[:, chosen], codes.w_plus[:, chosen])


def test_every_face_can_have_a_mask_of_its_own(node, tiny_family, codes):
    (target,) = node("StyleIDRandomIdentity")(models=tiny_family, count=len(codes))
    masks = torch.rand(codes.w_plus.shape, generator=torch.Generator().manual_seed(1)) > 0.5
    (swapped,) = node("StyleIDSwapChannels")(source=codes, target=target, channels=masks.float())
    assert torch.equal(swapped.w_plus, torch.where(masks, target.w_plus, codes.w_plus))


def test_a_mask_of_another_kind_is_refused(node, codes, errors):
    with pytest.raises(errors.InputError, match="Channel Mask"):
        node("StyleIDSwapChannels")(source=codes, target=codes, channels=torch.zeros(1, 64, 64))


def test_crops_that_are_not_square_are_refused(node, tiny_family, errors):
    with pytest.raises(errors.InputError, match="square"):
        node("StyleIDEncodeToWPlus")(models=tiny_family, crops=torch.rand(1, 64, 48, 3))
