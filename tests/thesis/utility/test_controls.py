"""Controls of the simulated assay: an oracle helps, its opposite does not."""

import pytest
import torch

from sparks.data import Chimera
from sparks.stats import Bootstrap
from sparks_thesis.utility.controls import Headroom, decisive

from .rows import experiment

SCENARIOS = {"bias": "husky"}


def table(**accuracy):
    return experiment({"husky": accuracy})


@pytest.mark.parametrize(
    ("baseline", "oracle", "elsewhere", "noise", "passed"),
    [
        (0.6, 0.9, 0.5, 0.6, True),
        (0.9, 0.95, 0.5, 0.9, False),  # too easy: people answered .62
        (0.6, 0.61, 0.5, 0.6, False),  # nothing to find
        (0.6, 0.9, 0.9, 0.6, False),  # the wrong map helps
        (0.6, 0.9, 0.5, 0.7, False),  # any map helps
    ],
)
def test_a_scenario_has_headroom_if_the_right_map_alone_helps(
    baseline, oracle, elsewhere, noise, passed
):
    rows = table(Baseline=baseline, Control=0.5, Oracle=oracle, Elsewhere=elsewhere, Random=noise)
    control = Headroom(SCENARIOS, ["bias"], bootstrap=Bootstrap(resamples=100))
    found, text = control(rows)
    assert found is passed, text
    assert "husky: baseline 0." in text
    assert "people 0.62" in text


def test_without_an_oracle_there_is_no_valid_assay():
    found, text = Headroom(SCENARIOS, ["bias"])(table(Baseline=0.6, Control=0.5))
    assert not found
    assert "no oracle took part in husky" in text


def test_the_oracle_looks_at_diagnostic_parts_or_where_no_part_is():
    images = Chimera(size=32, n_train=10, n_test=10, seed=0)()["test"]
    parts, background = decisive(images), decisive(images, "background")
    assert parts.shape == background.shape == (10, 32, 32)
    assert torch.equal(parts.bool(), images.diagnostic())
    assert float((parts * background).max()) == 0
    assert 0.3 < float(background.mean()) < 1
