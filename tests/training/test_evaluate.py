"""Figures rest on held-out heads alone, and say on how many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from styleid.family import Family
from training import evaluate, segmentation
from training.data import Heads
from training.evaluate import evaluate_autoencoder, evaluate_random_faces, evaluate_swap
from training.parser import evaluate_parser
from training.recogniser import verification
from training.regressors import balanced, evaluate_attributes, evaluate_landmarks, reliable
from training.segmentation import evaluate_segmentation

ARRAYS = ("img", "lab", "lm5", "att")
EVALUATORS: dict[str, Callable[[Family, Heads, Heads], object]] = {
    "autoencoder": lambda f, h, _: evaluate_autoencoder(f.generator, f.encoder, f.judge.network, h),
    "swap": lambda f, h, e: evaluate_swap(f.generator, f.encoder, f.judge.network, h, e, (2, 3)),
    "segmentation": lambda f, h, _: evaluate_segmentation(f.seg_encoder, f.generator, f.parser, h),
    "parser": lambda f, h, _: evaluate_parser(f.parser, h),
    "verification": lambda f, h, _: verification(f.judge.network, h),
    "landmarks": lambda f, h, _: evaluate_landmarks(f.landmarks, h),
    "attributes": lambda f, h, _: evaluate_attributes(f.attributes, h),
    "reliable attributes": lambda f, h, _: reliable(f.attributes, h, floor=0),
}


@pytest.fixture
def exchanged(heads: Heads) -> Heads:
    """The same pictures with another person's face, held-out persons with one another's."""
    return replace(heads, donor=np.where(heads.ident < 10, (heads.ident + 1) % 10, 21 - heads.ident))


@pytest.fixture(autouse=True)
def small_decoded(monkeypatch: pytest.MonkeyPatch, tiny_family: Family) -> None:
    monkeypatch.setattr(segmentation, "SIDE", tiny_family.generator.size)


@pytest.mark.parametrize("name", EVALUATORS)
def test_no_figure_rests_on_a_training_head(
    name: str, heads: Heads, exchanged: Heads, tiny_family: Family, watch: Callable
) -> None:
    watched, read = watch(heads, *ARRAYS)
    others, read_of_others = watch(exchanged, *ARRAYS)
    EVALUATORS[name](tiny_family, watched, others)
    assert read == set(heads.held_out)
    assert read_of_others == (read if name == "swap" else set())


def test_training_heads_are_but_the_floor_of_random_faces(
    heads: Heads, tiny_family: Family, watch: Callable
) -> None:
    floor = "frechet_distance_of_training_heads"
    watched, read = watch(heads, *ARRAYS)
    some, other = (
        evaluate_random_faces(tiny_family.generator, tiny_family.judge.network, one, count=10, pairs=1)
        for one in (watched, replace(watched, train=heads.train[:20]))
    )
    assert set(heads.held_out) < read
    assert some.pop(floor) != other.pop(floor)
    assert some == other


def test_no_confidence_is_fitted_to_held_out_heads(
    heads: Heads, tiny_family: Family, watch: Callable
) -> None:
    watched, read = watch(heads, *ARRAYS)
    balanced(tiny_family.attributes, watched)
    assert read == set(heads.train)


def test_the_command_prints_on_how_many_heads_each_figure_rests(
    heads: Heads, tiny_family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    asked = []
    monkeypatch.setattr(evaluate, "load_exported", lambda models: asked.append(models) or tiny_family)
    monkeypatch.setattr(evaluate, "RANDOM_FACES", 10)
    monkeypatch.setattr(evaluate.Heads, "open", lambda _: heads)
    monkeypatch.setattr("sys.argv", ["evaluate", f"--cache={tmp_path}", f"--models={tmp_path / 'models'}"])
    evaluate.main()
    assert asked == [tmp_path / "models"]
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    counts = {row[0]: row[-2:] for row in rows}
    assert counts.pop("attributes") == ["1", "5"]  # the other held-out person decided which attributes stay
    assert {"generator,", "random", "segmentation", "parser", "recogniser", "judge", "landmarks"} == set(
        counts
    )
    assert all(count == ["2", "10"] for count in counts.values())


def test_a_folder_without_heads_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, tiny_family: Family
) -> None:
    monkeypatch.setattr(evaluate, "load_exported", lambda _: tiny_family)
    monkeypatch.setattr("sys.argv", ["evaluate", f"--cache={tmp_path}"])
    with pytest.raises(SystemExit):
        evaluate.main()
    assert "is no cache of packed heads" in capsys.readouterr().err
