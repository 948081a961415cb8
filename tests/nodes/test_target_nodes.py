"""Choose Target, Edit Attribute, SwapperNet Swap, Train SwapperNet."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from styleid.networks import load_network
from styleid.networks.swapper import Swapper, swapper_config


@pytest.fixture
def family(tiny_family):
    torch.manual_seed(1)
    swapper = Swapper(swapper_config(8, (2, 3), hidden=8)).eval().requires_grad_(False)
    easy = replace(tiny_family.recogniser, threshold=1e-4)  # random networks move little
    return replace(tiny_family, swapper=swapper, recogniser=easy)


@pytest.fixture
def codes(node, family):
    crops = torch.rand(3, 64, 64, 3, generator=torch.Generator().manual_seed(1))
    return node("StyleIDEncodeToWPlus")(models=family, crops=crops)[0]


@pytest.fixture
def models_folder(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("STYLEID_MODELS", str(tmp_path))
    return tmp_path


def test_targets_are_secret_unless_seeded(node, family, codes):
    choose = node("StyleIDChooseTarget")
    inputs = {
        "models": family,
        "source": codes,
        "keep_attributes": "Male 0.1",
        "candidates": 3,
        "layers": "1-6",
    }
    first, report = choose(**inputs)
    assert first.w_plus.shape == codes.w_plus.shape
    assert report.count("face ") == 3
    assert not torch.equal(first.w_plus, choose(**inputs)[0].w_plus)
    seeded = [choose(**inputs, seed=7)[0].w_plus for _ in range(2)]
    assert torch.equal(*seeded)
    assert len(torch.unique(seeded[0].flatten(1), dim=0)) == 3


def test_an_attribute_that_cannot_be_kept_is_reported(node, family, codes):
    _, report = node("StyleIDChooseTarget")(
        models=family, source=codes, keep_attributes="Young 1", candidates=2, layers="1-6"
    )
    assert report.count("not kept: Young") == 3


def test_the_mean_of_k_and_the_person_of_an_image(node, family, codes, errors):
    choose = node("StyleIDChooseTarget")
    mean, _ = choose(models=family, source=codes, mode="mean of k faces", k=3)
    torch.testing.assert_close(mean.w_plus, codes.w_plus.mean(0, keepdim=True).expand(3, -1, -1))
    image = torch.rand(1, 64, 64, 3)
    given, report = choose(models=family, source=codes, mode="from image", image=image)
    assert torch.equal(given.w_plus, family.encode(image).expand(3, -1, -1))
    assert "exists" in report
    with pytest.raises(errors.InputError, match="connect 'image'"):
        choose(models=family, source=codes, mode="from image")
    empty = type(codes)(codes.w_plus[:0])
    assert len(choose(models=family, source=empty)[0]) == 0


def test_an_edit_along_a_learned_direction_and_one_from_a_file(
    node, family, codes, models_folder, errors, pack
):
    edit = node("StyleIDEditAttribute")
    up, down = (
        edit(models=family, codes=codes, attribute="Smiling", strength=s, samples=16)[0].w_plus
        for s in (1.0, -1.0)
    )
    torch.testing.assert_close((up + down) / 2, codes.w_plus)
    assert not torch.equal(up, codes.w_plus)
    (models_folder / "directions").mkdir()
    np.save(models_folder / "directions" / "age.npy", np.ones(512, np.float32))
    cls = pack.NODE_CLASS_MAPPINGS["StyleIDEditAttribute"]
    assert "age.npy" in cls.INPUT_TYPES()["required"]["direction"][0]
    assert cls.VALIDATE_INPUTS(direction="age.npy") is True
    assert cls.VALIDATE_INPUTS(direction="../secret.npy") is not True
    (edited,) = edit(models=family, codes=codes, direction="age.npy", strength=2.0)
    torch.testing.assert_close(edited.w_plus, codes.w_plus + 2)
    with pytest.raises(errors.InputError, match="no attribute"):
        edit(models=family, codes=codes, attribute="Beard")


def test_the_swap_takes_the_models_own_network_or_a_wired_one(node, family, codes, errors):
    swap = node("StyleIDSwapperNetSwap")
    (target,) = node("StyleIDRandomIdentity")(models=family, count=1)
    new, mask = swap(models=family, source=codes, target=target)
    assert mask.shape == codes.w_plus.shape
    torch.testing.assert_close(new.w_plus, mask * target.w_plus + (1 - mask) * codes.w_plus)
    assert bool((mask[:, 2:4] == 1).all())
    none = replace(family, swapper=None)
    with pytest.raises(errors.InputError, match="Train SwapperNet"):
        swap(models=none, source=codes, target=target)


def test_a_trained_network_is_saved_and_swaps_wired_or_from_its_file(
    node, family, codes, models_folder, errors, pack
):
    train = node("StyleIDTrainSwapperNet")
    none = replace(family, swapper=None)
    swapper, charts, report = train(models=none, steps=2, examples=8, name="mine")
    assert charts.shape[0] == 2
    assert "identity distance" in report
    assert len(repr(swapper)) < 40
    (target,) = node("StyleIDRandomIdentity")(models=none, count=3)
    _, mask = node("StyleIDSwapperNetSwap")(models=none, source=codes, target=target, swapper=swapper)
    saved = load_network(models_folder / "swappers" / "mine.safetensors", "swapper")
    torch.testing.assert_close(saved(codes.w_plus, target.w_plus), mask, rtol=0, atol=5e-3)
    cls = pack.NODE_CLASS_MAPPINGS["StyleIDSwapperNetSwap"]
    assert "mine.safetensors" in cls.INPUT_TYPES()["optional"]["file"][0]
    assert cls.VALIDATE_INPUTS(file="mine.safetensors") is True
    _, read = node("StyleIDSwapperNetSwap")(models=none, source=codes, target=target, file="mine.safetensors")
    assert torch.equal(read, saved(codes.w_plus, target.w_plus))
    for name in ("../mine", "a/b", "", ".hidden"):
        with pytest.raises(errors.InputError, match="name"):
            train(models=none, steps=1, examples=8, name=name)


def test_a_file_that_is_not_there_is_named_and_one_trained_again_is_read_again(
    node, family, codes, models_folder, errors, pack
):
    cls = pack.NODE_CLASS_MAPPINGS["StyleIDSwapperNetSwap"]
    assert "mine" in cls.VALIDATE_INPUTS(file="mine.safetensors")
    with pytest.raises(errors.InputError, match=r"mine\.safetensors"):
        node("StyleIDSwapperNetSwap")(
            models=family, source=codes, target=codes, strength=1.0, file="mine.safetensors"
        )
    (models_folder / "swappers").mkdir()
    seen = {cls.IS_CHANGED(file="mine.safetensors")}
    for size in (3, 4):
        (models_folder / "swappers" / "mine.safetensors").write_bytes(b"x" * size)
        seen.add(cls.IS_CHANGED(file="mine.safetensors", strength=1.0))
    assert len(seen) == 3
    with pytest.raises(errors.WeightsError):
        node("StyleIDSwapperNetSwap")(models=family, source=codes, target=codes, file="mine.safetensors")
