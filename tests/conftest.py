"""Fixtures for all tests: tiny random networks of the real classes, and the pack loaded as ComfyUI loads it."""

from __future__ import annotations

import pytest


class _RootIsNoTestPackage:
    """The checkout's root is a package for ComfyUI only; collecting it as one would import it under the folder's name."""

    @pytest.hookimpl
    def pytest_collect_directory(self, path, parent):
        return pytest.Dir.from_parent(parent, path=path) if (path / "styleid").is_dir() else None


def pytest_configure(config):
    config.pluginmanager.register(_RootIsNoTestPackage(), "styleid-root")
