"""Perturbations against their formulas."""

import pytest
import torch
from scipy.ndimage import uniform_filter

from sparks.engine.perturbations import Amplitude, Baseline, Blur, Noise, Sum, Token
from sparks.engine.seeds import generators
from sparks.errors import SparksError

X = torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0))
SAMPLE_INDEX = torch.tensor([0, 0, 1])
MASKS = torch.rand(3, 1, 12, 12, generator=torch.Generator().manual_seed(1))
BLENDS = [Baseline(0.0), Baseline(0.3), Baseline("mean"), Blur(10), Noise(seed=3)]


def masked(perturbation, x, sample_index, masks):
    return perturbation(x, perturbation.baseline(x), sample_index, masks)


@pytest.mark.parametrize("perturbation", BLENDS, ids=repr)
def test_blends_go_from_the_reference_to_the_input(perturbation):
    ones, zeros = torch.ones_like(MASKS), torch.zeros_like(MASKS)
    torch.testing.assert_close(masked(perturbation, X, SAMPLE_INDEX, ones), X[SAMPLE_INDEX])
    baseline = masked(perturbation, X, SAMPLE_INDEX, zeros)
    expected = X[SAMPLE_INDEX] * MASKS + (1 - MASKS) * baseline
    torch.testing.assert_close(masked(perturbation, X, SAMPLE_INDEX, MASKS), expected)
    # One image alone takes another path, and must end at the same place.
    alone = masked(perturbation, X[:1], torch.tensor([0, 0]), MASKS[:2])
    torch.testing.assert_close(alone, expected[:2])


def test_references_are_what_they_are_called():
    zeros = torch.zeros_like(MASKS)
    assert (masked(Baseline(0.3), X, SAMPLE_INDEX, zeros) == 0.3).all()
    means = masked(Baseline("mean"), X, SAMPLE_INDEX, zeros)
    torch.testing.assert_close(means[2, :, 5, 5], X[1].mean((1, 2)))
    blurred = uniform_filter(X[1, 2].numpy(), size=10, mode="nearest")
    torch.testing.assert_close(
        masked(Blur(10), X, SAMPLE_INDEX, zeros)[2, 2], torch.from_numpy(blurred)
    )
    noise = masked(Noise(mean=0.5, deviation=0.2, seed=3), X, SAMPLE_INDEX, zeros)
    assert torch.equal(noise[0], noise[1])  # one draw per image
    assert not torch.equal(noise[0], noise[2])
    assert abs(float(noise.mean()) - 0.5) < 0.05
    with pytest.raises(SparksError, match="only images can be blurred"):
        masked(Blur(), torch.rand(1, 4), SAMPLE_INDEX, MASKS)


def test_amplitude_as_documented_differs_from_as_coded():
    half = torch.full_like(MASKS, 0.5)
    assert torch.equal(masked(Amplitude(2.0), X, SAMPLE_INDEX, half), X[SAMPLE_INDEX])
    assert (masked(Amplitude(2.0, variant="coded"), X, SAMPLE_INDEX, half) == 0).all()
    documented = X[SAMPLE_INDEX] + (MASKS - 0.5) * 2
    torch.testing.assert_close(masked(Amplitude(2.0), X, SAMPLE_INDEX, MASKS), documented)
    coded = X[SAMPLE_INDEX] * (MASKS - 0.5) * 2
    torch.testing.assert_close(masked(Amplitude(2.0, "coded"), X, SAMPLE_INDEX, MASKS), coded)
    with pytest.raises(SparksError, match="variant='other'"):
        Amplitude(variant="other")


def test_words_are_replaced_where_the_mask_is_low():
    words = torch.tensor([[5, 6, 7], [8, 9, 10]])
    masks = torch.tensor([[1.0, 0.4, 1.0], [0.0, 1.0, 0.6]])
    replaced = masked(Token(value=1), words, torch.tensor([0, 1]), masks)
    assert replaced.tolist() == [[5, 1, 7], [1, 9, 10]]


def test_generators_belong_to_the_content_and_the_seed():
    def draw(x, seed):
        return [torch.rand(1, generator=g).item() for g in generators(x, seed)]

    a, b = draw(X, 0)
    assert draw(X.flip(0), 0) == [b, a]
    assert draw(X[1:], 0) == [b]
    assert a != b
    assert draw(X, 1) != [a, b]


def test_terms_are_summed_by_their_masks():
    terms = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0))
    masks = torch.rand(6, 5, 1, generator=torch.Generator().manual_seed(1))
    sample_index = torch.tensor([0, 0, 1, 1, 1, 2])
    torch.testing.assert_close(
        masked(Sum(), terms, sample_index, masks), (terms[sample_index] * masks).sum(1)
    )
    alone = masked(Sum(), terms[:1], sample_index[:2], masks[:2])
    torch.testing.assert_close(alone, (terms[0] * masks[:2]).sum(1))
