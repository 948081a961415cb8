"""An interrupted ranking goes on where it stopped, and ends with the same result."""

from __future__ import annotations

from contextlib import suppress

import pytest
import torch

from styleid import cli
from styleid.errors import InputError, WeightsError
from styleid.latent import load_ranking, rank_family


class Cancelled(Exception):
    pass


def stop_after(steps):
    def progress(done, total):
        if done == steps:
            raise Cancelled

    return progress


@pytest.mark.parametrize("estimator", ["exact", "attribution"])
def test_goes_on_with_the_same_result(tiny_family, tmp_path, monkeypatch, estimator):
    options = {"pairs": 5, "seed": 3, "block": 256, "max_window": 1, "estimator": estimator}
    expected = rank_family(tiny_family, **options)
    file = tmp_path / "unfinished"
    with pytest.raises(Cancelled):
        rank_family(tiny_family, resume=file, progress=stop_after(9), **options)
    assert file.exists()
    swaps = []
    monkeypatch.setattr(
        "styleid.latent._population.swap_channels",
        lambda w_s, w_t, mask: swaps.append(1) or torch.where(mask, w_t, w_s),
    )
    again = rank_family(tiny_family, resume=file, **options)
    batches = 2  # of the ten identities
    assert len(swaps) == (batches * (24 - 9) if estimator == "exact" else 0)
    assert torch.equal(again.channel_scores, expected.channel_scores)
    assert torch.equal(again.window_scores, expected.window_scores)
    assert again.layers == expected.layers
    assert not list(tmp_path.iterdir())


def test_a_ranking_that_cannot_be_saved_is_not_lost(tiny_family, tmp_path, monkeypatch):
    monkeypatch.setattr("styleid.family.load_family", lambda *_, **__: tiny_family)
    target = tmp_path / "new.safetensors"
    command = ["rank", str(target), "--pairs", "1", "--block", "512", "--max-window", "1", "--device", "cpu"]

    def full(tensors, path, metadata):
        path.write_bytes(b"a part")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch, suppress(OSError):
        patch.setattr("styleid.latent.ranking.save_file", full)
        assert cli.main(command) != 0
    assert not target.exists() and target.with_suffix(".unfinished").exists()
    monkeypatch.setattr("styleid.latent._population.swap_channels", None)  # nothing is measured again
    assert cli.main(command) == 0
    assert load_ranking(target).block == 512
    assert list(tmp_path.iterdir()) == [target]


def test_files_of_another_run_and_damaged_ones_are_refused(tiny_family, tmp_path):
    file = tmp_path / "unfinished"
    options = {"pairs": 1, "block": 512, "max_window": 1, "resume": file}
    with pytest.raises(Cancelled):
        rank_family(tiny_family, seed=1, progress=stop_after(2), **options)
    with pytest.raises(InputError, match="other settings"):
        rank_family(tiny_family, seed=2, **options)
    file.write_bytes(file.read_bytes()[:50])
    with pytest.raises(WeightsError, match="Delete it"):
        rank_family(tiny_family, seed=1, **options)
