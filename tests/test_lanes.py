"""The nightly lane can start: nothing else would notice a test there that has lost its fixtures."""

import pytest


def test_every_nightly_test_finds_its_fixtures(nightly_tests: list[pytest.Function]) -> None:
    if not nightly_tests:
        pytest.skip("needs the files of the nightly tests: run ./sparks pytest, or -n 0 tests")
    lost = {
        f"{item.nodeid} asks for {name}"
        for item in nightly_tests
        for name in item.fixturenames
        if name not in (*item._fixtureinfo.name2fixturedefs, "request")
    }
    assert not lost
