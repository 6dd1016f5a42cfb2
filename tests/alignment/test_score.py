"""Alignment scores against scikit-learn and SciPy; accuracy on revealed features."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from sklearn.metrics import f1_score, jaccard_score

from sparks.alignment import alignment, revealed
from sparks.errors import SparksError
from sparks.metrics.maps import UndefinedScoreWarning


def test_scores_are_those_of_scipy_and_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    maps, human = torch.rand(2, 5, 10, 10, generator=generator)
    found = alignment(maps, human)
    for n in range(5):
        a, b = maps[n].numpy().ravel(), human[n].numpy().ravel()
        assert float(found["Spearman"][n]) == pytest.approx(spearmanr(a, b).statistic)
        top = [v > np.sort(v)[-11] for v in (a, b)]  # ten highest of a hundred
        assert float(found["Dice"][n]) == pytest.approx(f1_score(*top))
        assert float(found["IoU"][n]) == pytest.approx(jaccard_score(*top))


def test_a_map_agrees_with_itself_and_with_its_monotone_images():
    human = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    for values in alignment(human**3, human).values():
        torch.testing.assert_close(values, torch.ones(3, dtype=torch.float64))
    opposite = alignment(-human, human)
    assert torch.allclose(opposite["Spearman"], -torch.ones(3).double())
    assert not opposite["Dice"].any()


def test_a_constant_or_broken_map_has_no_score():
    human = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(0))
    maps = human.clone()
    maps[0], maps[1, 0, 0] = 1.0, torch.nan
    with pytest.warns(UndefinedScoreWarning):
        values = alignment(maps, human)["Spearman"]
    assert values.isnan().tolist() == [True, True, False]
    with pytest.raises(SparksError, match="do not fit"):
        alignment(maps, human[:, :4])


def test_only_the_highest_pixels_of_the_human_map_are_shown():
    """A classifier that counts bright pixels sees as many as the share says."""
    human = torch.arange(16.0).view(1, 4, 4).repeat(2, 1, 1)
    x = torch.ones(2, 1, 4, 4)
    seen = []

    def model(images):
        seen.append(images.clone())
        count = images.sum((1, 2, 3))
        return torch.stack([count, torch.full_like(count, 7.5)], 1)

    right = revealed(model, x, torch.tensor([0, 1]), human, [0.0, 0.25, 0.5, 1.0], baseline=0.0)
    assert [int(images[0].sum()) for images in seen] == [0, 4, 8, 16]
    assert seen[1][0, 0].flatten().tolist() == [0.0] * 12 + [1.0] * 4
    assert right.tolist() == [[0, 0, 1, 1], [1, 1, 0, 0]]
    with pytest.raises(SparksError, match=r"\[0, 1\]"):
        revealed(model, x, torch.tensor([0, 1]), human, [1.5])
