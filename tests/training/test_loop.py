"""Runs resume from their checkpoints."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from training import loop
from training.loop import Run, cosine


def test_a_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    def make(steps: int) -> tuple[Run, torch.nn.Linear]:
        torch.manual_seed(0)
        net = torch.nn.Linear(2, 1)
        return Run("toy", tmp_path, steps, {"net": net}, lambda: {}), net

    run, net = make(3)
    for _ in run.steps():
        with torch.no_grad():
            net.bias += 1
    resumed, again = make(5)
    seen = list(resumed.steps())
    assert seen == [3, 4]
    assert torch.equal(again.bias, net.bias)


def test_checkpoints_are_small_files_of_which_one_set_is_always_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(steps: int) -> tuple[Run, torch.nn.Linear]:
        net = torch.nn.Linear(30, 30)
        return Run("toy", tmp_path, steps, {"net": net}, lambda: {}), net

    monkeypatch.setattr(loop, "PART", 1000)
    run, net = make(1)
    assert list(run.steps()) == [0]
    files = sorted(tmp_path.glob("*.part"))
    assert len(files) > 3 and max(path.stat().st_size for path in files) <= 1000

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(loop.os, "replace", stopped)
        with pytest.raises(KeyboardInterrupt):
            list(make(2)[0].steps())
    again, resumed = make(3)
    assert list(again.steps()) == [1, 2]
    assert torch.equal(resumed.weight, net.weight)
    assert not set(files) & set(tmp_path.glob("*.part"))


def test_a_timed_save_on_the_last_step_is_not_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = []
    monkeypatch.setattr(Run, "_save", lambda _, step: saved.append(step))
    for every, expected in ((-1.0, [1, 2, 3]), (300.0, [3])):
        saved.clear()
        assert list(Run("toy", tmp_path, 3, {}, lambda: {}, every_seconds=every).steps()) == [0, 1, 2]
        assert saved == expected


def test_the_rate_warms_up_and_ends_near_zero() -> None:
    assert [cosine(0.02), cosine(1.0)] == pytest.approx([1.0, 0.01])
