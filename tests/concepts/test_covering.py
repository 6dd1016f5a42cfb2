"""The effect of covering concepts, on a network whose every logit is known by hand."""

import pandas as pd
import pytest
import torch

from sparks.concepts.covering import Covering, summary
from sparks.engine.perturbations import Baseline
from sparks.errors import SparksError
from sparks.results import MetricRecorder
from sparks.stats import Bootstrap

BLACK = {"black": Baseline(0.0)}


class RedLessBlue(torch.nn.Module):
    """Logit 0: the sum of red; logit 1: the sum of blue, taken away. Green counts for nothing."""

    def forward(self, x):
        total = x.sum((2, 3))
        return torch.stack([total[:, 0], -total[:, 2]], 1)


def patches(n=6):
    """Images of 4 x 4 cells of 2 pixels: two red cells at places of their own, all else green."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.zeros(n, 16)
    for row in maps:
        row[torch.randperm(16, generator=generator)[:2]] = 1
    maps = maps.view(n, 4, 4)
    red = maps.repeat_interleave(2, 1).repeat_interleave(2, 2)
    return torch.stack([red, 1 - red, torch.zeros_like(red)], 1), maps


def test_covering_what_the_logit_is_made_of_takes_all_of_it_and_other_places_their_share():
    x, maps = patches()
    found = Covering(covers=BLACK, controls=15)(RedLessBlue(), x, 0, maps, 0.5)
    assert found.index.tolist() == list(range(6))
    assert found.area.tolist() == [2 / 16] * 6
    assert found.own["black"].tolist() == [-8.0] * 6  # 2 cells of 4 red pixels
    # At its 16 places the area covers each red cell twice: 16 red pixels, 8 at its own place.
    torch.testing.assert_close(found.elsewhere["black"], torch.full((6,), -8 / 15))


def test_covering_what_counts_for_nothing_changes_nothing():
    x, maps = patches()
    found = Covering(covers=BLACK)(RedLessBlue(), x, 1, maps, 0.5)
    assert found.own["black"].abs().max() == 0
    assert found.elsewhere["black"].abs().max() == 0


def test_images_with_too_few_or_too_many_cells_are_left_out():
    x, maps = patches(3)
    maps[0] = 0
    maps[2] = 1
    found = Covering(covers=BLACK)(RedLessBlue(), x, 0, maps, 0.5)
    assert found.index.tolist() == [1]
    assert len(Covering(covers=BLACK)(RedLessBlue(), x[:1], 0, maps[:1], 0.5).index) == 0


def test_an_effect_does_not_depend_on_the_other_images():
    x, maps = patches()
    measure = Covering(controls=3)
    together = measure(RedLessBlue(), x, 0, maps, 0.5)
    alone = measure(RedLessBlue(), x[4:5], 0, maps[4:5], 0.5)
    for name in together.own:
        torch.testing.assert_close(together.elsewhere[name][4:5], alone.elsewhere[name])


def test_the_summary_is_paired_image_by_image():
    recorder = MetricRecorder()
    values = {
        "Covered": [-3.0, -13.0, -23.0],
        "CoveredElsewhere": [-1.0, -11.0, -20.0],
        "CoveredArea": [0.1] * 3,
    }
    recorder.add(values, image=[4, 7, 9], concept=1, cover="black", class_name="chain saw")
    (row,) = summary(recorder.table(seed=0), Bootstrap(resamples=500)).to_dict("records")
    assert (row["class"], row["concept"], row["cover"], row["images"]) == (
        "chain saw",
        2,
        "black",
        3,
    )
    assert row["change"] == pytest.approx(-13)
    assert row["difference"] == pytest.approx(-7 / 3)
    assert -3 <= row["difference_low"] < row["difference_high"] <= -2  # unpaired, it would hold 0
    assert isinstance(summary(recorder.table(seed=0)[:0], Bootstrap()), pd.DataFrame)


@pytest.mark.parametrize(
    "wrong", [{"quantile": 1.5}, {"cells": 0}, {"controls": 0}, {"covers": {}}]
)
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(SparksError, match=next(iter(wrong))):
        Covering(**wrong)
