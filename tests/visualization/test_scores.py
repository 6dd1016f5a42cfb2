"""Scores of pictures against closed forms and direct computations."""

import numpy as np
import pytest
import torch
from torch import nn

from sparks.concepts import NMF, Craft, RandomCrops
from sparks.errors import SparksError
from sparks.visualization import (
    Ascent,
    concept_responses,
    directions,
    fid,
    named_crops,
    observer_choices,
    plausibility,
    selective,
    transferability,
)

SIZE = (16, 16)


def gaussian(n, p, seed=0):
    return torch.randn(n, p, generator=torch.Generator().manual_seed(seed))


class TestFid:
    @pytest.mark.parametrize(("n", "m"), [(60, 50), (60, 3), (3, 60), (2, 3)])
    def test_direct(self, n, m):
        a = gaussian(n, 4) @ torch.diag(torch.tensor([1.0, 2, 3, 0.5]))
        b = gaussian(m, 4, 1) + 1
        one, two = (np.cov(x.double().numpy().T) for x in (a, b))
        gap = ((a.double().mean(0) - b.double().mean(0)) ** 2).sum()
        # The root is not defined where covariances are singular, but its trace is.
        cross = np.sqrt(np.linalg.eigvals(one @ two).real.clip(0)).sum()
        expected = float(gap) + np.trace(one + two) - 2 * cross
        assert fid(a, b) == pytest.approx(expected, rel=1e-6)

    def test_shift(self):
        a = gaussian(40, 3)
        assert fid(a, a + torch.tensor([3.0, 0, 4])) == pytest.approx(25, rel=1e-4)
        assert fid(a, a) == pytest.approx(0, abs=1e-6)

    def test_too_few(self):
        with pytest.raises(SparksError, match="at least 2"):
            fid(gaussian(9, 3), gaussian(1, 3))


class TestPlausibility:
    def test_direct(self):
        reference, held, pictures = gaussian(30, 5), gaussian(8, 5, 1), 1 + gaussian(6, 5, 2)

        def farness(x):
            unit = [v.numpy() / np.linalg.norm(v.numpy()) for v in reference]
            found = []
            for v in x.numpy():
                gaps = [np.linalg.norm(v / np.linalg.norm(v) - u) for u in unit]
                found.append(sorted(gaps)[2])
            return np.array(found)

        expected = farness(pictures) / farness(held).mean()
        assert np.allclose(plausibility(reference, held, pictures, k=3), expected, rtol=1e-5)

    def test_refusals(self):
        with pytest.raises(SparksError, match="widths"):
            plausibility(gaussian(9, 3), gaussian(9, 3), gaussian(9, 4))
        with pytest.raises(SparksError, match="finite"):
            plausibility(gaussian(9, 3), gaussian(9, 3), gaussian(9, 3) * torch.nan)


class Brightest(nn.Module):
    """The class is the channel with the largest mean."""

    def __init__(self, gain):
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, x):
        return x.mean((2, 3)) * self.gain


def test_transferability():
    images = torch.zeros(3, 3, 32, 32)
    for i in range(3):
        images[i, i] = 1
    classes = torch.tensor([0, 1, 0])
    models = {"sees": Brightest([1.0, 1, 1]), "sees one": Brightest([1.0, -1, -1])}
    found = transferability(models, images, classes, SIZE)
    assert found["sees"].tolist() == [1, 1, 0]
    assert found["sees one"].tolist() == [1, 0, 1]
    with pytest.raises(SparksError, match="broken"):
        transferability({"broken": Brightest([torch.nan] * 3)}, images, classes, SIZE)


@pytest.fixture(scope="module")
def concepts(layer, images):
    return Craft(dictionary=NMF(concepts=3), crops=RandomCrops(number=4)).fit(layer, images)


class TestConcepts:
    def test_units_are_those_of_the_crops(self, concepts, images):
        cut = concepts.crops.cut(images)
        found = concept_responses(concepts, cut, SIZE)
        assert torch.allclose(found.mean(0), torch.ones(3), atol=1e-4)

    def test_pictures_show_their_own_concept(self, concepts, layer, statistics, images):
        ascent = Ascent(crops=named_crops("whole"), steps=60)
        objective = directions(layer, concepts.dictionary.atoms)
        pictures = ascent(objective, statistics, SIZE).images
        found = concept_responses(concepts, pictures, SIZE)
        assert bool(selective(found).all())

    def test_selective(self):
        responses = torch.tensor([[2.0, 1, 0], [3, 2, 0], [0, 0, 0.1]])
        assert selective(responses).tolist() == [True, False, True]
        responses[:, 2] = torch.nan
        assert selective(responses).tolist() == [True, False, False]
        with pytest.raises(SparksError, match="one picture for each"):
            selective(torch.ones(2, 3))


class TestObserver:
    @pytest.mark.parametrize(("sign", "expected"), [(1, 1), (-1, 0)])
    def test_is_right_where_pictures_look_like_what_the_feature_responds_to(self, sign, expected):
        queries = torch.rand(40, 3, 16, 16, generator=torch.Generator().manual_seed(0)) / 2
        queries[:20, 0] += 0.5  # red ones
        pictures = torch.stack([queries[0], queries[30]])  # a red one, a dark one
        redness = queries[:, 0].mean((1, 2))
        responses = sign * torch.stack([redness, -redness], 1)
        generator = torch.Generator().manual_seed(0)
        found = observer_choices(pictures, queries, responses, 6, generator, SIZE)
        assert found.shape == (2, 6)
        assert bool((found == expected).all())
