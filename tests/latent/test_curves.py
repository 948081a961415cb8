"""Identity by number of channels swapped, for rankings in blocks of several sizes."""

from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.latent import channel_curves


@pytest.fixture(scope="module")
def curves(request):
    family = request.getfixturevalue("_networks")
    return channel_curves(family, pairs=2, seed=5, sizes=(64, 512), shares=(0.0, 0.25, 1.0))


def test_from_nothing_to_everything_swapped(curves):
    assert curves.counts == (0, 1024, 4096)
    assert curves.distances.shape == (2, 3, 2) and curves.scores.shape == (2, 3)
    assert bool((curves.distances[:, 0] == 0).all())
    assert bool((curves.distances[:, 1, 0] > 0).all())
    # everything swapped is the target itself, whatever the ranking was
    torch.testing.assert_close(curves.distances[0, 2], curves.distances[1, 2])
    torch.testing.assert_close(curves.scores[:, 2], torch.zeros(2), atol=1e-5, rtol=0)


def test_repeatable_and_resumable(curves, tiny_family, tmp_path):
    options = {"pairs": 2, "seed": 5, "sizes": (64, 512), "shares": (0.0, 0.25, 1.0)}

    def stop(done, total):
        assert total == 8 + 1 + 6
        if done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        channel_curves(tiny_family, resume=tmp_path / "unfinished", progress=stop, **options)
    again = channel_curves(tiny_family, resume=tmp_path / "unfinished", **options)
    assert torch.equal(again.distances, curves.distances)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"pairs": 0}, {"sizes": (7,)}, {"sizes": ()}, {"shares": (1.5,)}])
def test_wrong_numbers_raise(tiny_family, options):
    with pytest.raises(InputError):
        channel_curves(tiny_family, **{"pairs": 1, **options})
