"""Most tests here compose the configuration."""

import pytest
from composed import options_read_once


@pytest.fixture(scope="module", autouse=True)
def _options_read_once():
    with options_read_once():
        yield
