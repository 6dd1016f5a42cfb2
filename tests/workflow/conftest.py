"""Fixtures of tests that run the workflow."""

import os

import pytest
from composed import options_read_once
from project import Project


@pytest.fixture(scope="module", autouse=True)
def _options_read_once():
    with options_read_once():
        yield


@pytest.fixture(scope="session")
def make_project(tmp_path_factory):
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return lambda name: Project(tmp_path_factory.mktemp(name), shared / "checked.json")
