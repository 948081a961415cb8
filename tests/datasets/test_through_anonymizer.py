"""Files through the real Anonymizer with tiny networks: every pixel outside the reported area is the source's own."""

from __future__ import annotations

import json

import numpy as np
import pytest

from styleid import Anonymizer
from styleid.datasets import Photograph, read_photo, run_files, write_photo


@pytest.mark.parametrize(
    ("channels", "dtype"), [(3, np.uint8), (3, np.uint16), (1, np.uint8), (1, np.uint16)]
)
def test_the_rest_of_the_picture_is_bit_exact(tmp_path, tiny_family, make_face, photograph, channels, dtype):
    pixels = photograph(120, 160).numpy()[..., :channels] * np.iinfo(dtype).max
    alpha = np.full((120, 160), np.iinfo(dtype).max, dtype)
    alpha[:, :9] = 0
    source = Photograph(values=pixels.round().astype(dtype), alpha=alpha, format="PNG")
    write_photo(source, tmp_path / "a.png")
    face = make_face(80, 60, 50)

    def detect(picture):
        plain = float(picture[:, 20:].std()) == 0  # the alpha channel, which is looked at as well
        return [] if plain else [face]

    anonymizer = Anonymizer(tiny_family, on_failure="blur", detect=detect)
    assert run_files(tmp_path / "a.png", tmp_path / "b.png", anonymizer, report=tmp_path / "r.json").fine
    entry = json.loads((tmp_path / "r.json").read_text())["pictures"][0]
    assert entry["outcome"] in ("anonymised", "blurred")
    output = read_photo(tmp_path / "b.png")
    assert output.values.dtype == dtype
    assert output.grey == source.grey
    assert np.array_equal(output.alpha, alpha)
    x0, y0, x1, y1 = entry["faces"][0]["changed_box"]
    same = output.values == source.values
    assert not same[y0:y1, x0:x1].all()
    same[y0:y1, x0:x1] = True
    assert same.all()
