"""The examination: complete, in agreement with what is declared, and never an error of its own."""

from __future__ import annotations

import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from styleid import cli, doctor
from styleid.errors import WeightsError

ROOT = Path(__file__).resolve().parents[1]


def test_every_declared_requirement_is_looked_at():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    declared = {re.split(r"[<>=!~ ]", line)[0] for line in lines if line and not line.startswith("#")}
    assert declared <= set(doctor.REQUIRED) | set(doctor.OPTIONAL)
    assert set(doctor.REQUIRED) <= declared


def test_what_is_here():
    checks = {check.name: check for check in doctor.examine()}
    assert checks["torch"].state == "ok"
    assert checks["device"].state == "ok"
    assert {"python", "detector MTCNN", "detector SCRFD", "HEIC pictures", "ComfyUI"} <= set(checks)
    assert any(name.startswith("weights") for name in checks)
    assert all("\n" not in check.found for check in checks.values())


def test_a_missing_requirement_is_exit_code_1(monkeypatch, capsys):
    def version(name):
        if name == "scipy":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(doctor, "version", version)
    assert cli.main(["doctor"]) == 1
    assert "pip install scipy" in capsys.readouterr().out


def test_damaged_parts_are_told_and_not_raised(monkeypatch):
    def broken():
        raise WeightsError("The manifest is missing. Install again.")

    monkeypatch.setattr("styleid.weights.list_weights", broken)
    checks = {check.name: check for check in doctor.examine()}
    assert checks["weights"].state == "MISSING"
    assert checks["weights"].advice == "The manifest is missing. Install again."
