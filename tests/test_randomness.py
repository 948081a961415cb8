from __future__ import annotations

import pytest
import torch

from styleid.errors import InputError
from styleid.randomness import derive_generator, make_generator


def draw(generator: torch.Generator) -> list[float]:
    return torch.randn(4, generator=generator).tolist()


def test_a_seed_repeats_and_no_seed_does_not():
    assert draw(make_generator(7)) == draw(make_generator(7)) != draw(make_generator(8))
    assert draw(make_generator(None)) != draw(make_generator(None))
    draw(make_generator(2**64 - 1))


def test_derived_numbers_depend_on_seed_and_context():
    assert draw(derive_generator(1, b"a", 0)) == draw(derive_generator(1, b"a", 0))
    others = [
        derive_generator(1, b"a", 1),
        derive_generator(1, b"b", 0),
        derive_generator(2, b"a", 0),
        make_generator(1),
    ]
    assert all(draw(other) != draw(derive_generator(1, b"a", 0)) for other in others)
    assert draw(derive_generator(None, b"a")) != draw(derive_generator(None, b"a"))


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "1234567", True])
def test_wrong_seeds_raise_and_are_not_repeated(seed):
    with pytest.raises(InputError) as caught:
        make_generator(seed)
    assert "1234567" not in str(caught.value)
