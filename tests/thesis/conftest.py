"""Figures and tables of the thesis know the methods of the configuration."""

from pathlib import Path

import pytest
import yaml

from sparks_thesis.common import methods

OPTIONS = Path(__file__).parents[2] / "config" / "attribution"


@pytest.fixture(scope="session")
def _entries():
    options = {
        file.stem: yaml.safe_load(file.read_text("utf-8")) for file in OPTIONS.glob("*.yaml")
    }
    return methods.entries(options)


@pytest.fixture(autouse=True)
def known_methods(_entries):
    with methods.using(_entries):
        yield
