"""Maps and scores beside those of other libraries, on the same images, networks and draws."""

import itertools

import numpy as np
import pytest
import torch

from sparks.attribution import HSIC, GradCAM, GradCAMPlusPlus, KernelSHAP, Occlusion, Sobol
from sparks.concepts import SAE
from sparks.concepts.metrics import dead, r_squared
from sparks.metrics import Complexity, Deletion, Explanation, Insertion, PointingGame, Sparseness

from .net import network

pytestmark = pytest.mark.nightly

GAMES = 24
PLAYERS = 9
TERMS = [list(p) for k in (1, 2, 3) for p in itertools.combinations(range(PLAYERS), k)]


def images():
    x = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return x, torch.tensor([0, 2, 1])


def scaled(maps):
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low)


def exact(worth):
    """Shapley values of a game: every term is shared evenly by its players."""
    values = np.zeros(PLAYERS)
    for players, w in zip(TERMS, worth, strict=True):
        values[players] += w / len(players)
    return values


def ours(worth, samples, seed):
    def game(z):
        return sum(w * z[:, p].double().prod(1) for p, w in zip(TERMS, worth, strict=True))

    return KernelSHAP(samples=samples, seed=seed)(game, torch.ones(1, PLAYERS), None)[0].numpy()


def test_kernelshap_is_as_near_to_the_exact_values_as_shap(peer):
    """Games of order three, 298 coalitions of 510: relative RMSE, the mean over games.

    Either's spread over games is about .02, so that of the mean of 24 is .004: a tenth.
    """
    worths = np.random.default_rng(0).normal(size=(GAMES, len(TERMS)))
    theirs = peer("shap_of_games", "shap", worths=worths, samples=298, seeds=np.arange(GAMES))

    def error(values, worth):
        return np.sqrt(((values - exact(worth)) ** 2).mean() / (exact(worth) ** 2).mean())

    shap = np.mean([error(v, w) for v, w in zip(theirs["values"], worths, strict=True)])
    mine = np.mean([error(ours(w, 298, seed), w) for seed, w in enumerate(worths)])
    assert mine < 1.25 * shap


def test_kernelshap_of_all_coalitions_is_shaps(peer):
    worths = np.random.default_rng(1).normal(size=(2, len(TERMS)))
    theirs = peer("shap_of_games", "shap", worths=worths, samples=510, seeds=np.arange(2))["values"]
    for values, worth in zip(theirs, worths, strict=True):
        np.testing.assert_allclose(ours(worth, 510, 0), values, atol=1e-4)


def test_class_activation_maps(peer):
    """GradCAM to OpenCV's rounding of an upsampling; of ++ the peer's sums leave terms out."""
    x, target = images()
    theirs = peer("grad_cam", "pytorch_grad_cam", x=x.numpy(), target=target.numpy())
    mine = scaled(GradCAM("3")(network(), x, target)).numpy()
    np.testing.assert_allclose(mine, theirs["gradcam"], atol=5e-3)
    mine = scaled(GradCAMPlusPlus("3")(network(), x, target)).numpy()
    for a, b in zip(mine, theirs["gradcam_pp"], strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.99


def test_scores_of_maps_alone_are_those_of_quantus(peer):
    x, _ = images()
    maps = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(4))
    truth = torch.zeros(3, 64, 64, dtype=torch.bool)
    truth[:, 10:40, 5:50] = True
    maps[0, 20, 20] = 1.5
    theirs = peer("quantus_of_maps", "quantus", maps=maps.numpy(), truth=truth.numpy(), x=x.numpy())
    pointing = PointingGame()(Explanation(None, x, None, maps, truth))["PointingGame"]
    np.testing.assert_array_equal(pointing.numpy(), theirs["pointing"])
    entropy = Complexity()(Explanation(None, x, None, maps))["Entropy"]
    np.testing.assert_allclose(entropy.numpy(), theirs["entropy"], rtol=1e-4)
    # Quantus's index has d + 1 / 2 for d: apart by 1 / d.
    gini = Sparseness()(Explanation(None, x, None, maps))["Gini"]
    np.testing.assert_allclose(gini.numpy(), theirs["gini"], atol=2 / 64**2)


def test_black_boxes_and_curves_are_those_of_xplique(peer):
    """On a grid of 7 that does not divide 64: the same cells, estimators and cubic maps."""
    (x, target), net = images(), network()
    maps = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(4))
    masks = (torch.rand(64, 49, generator=torch.Generator().manual_seed(5)) < 0.5).float()
    scores = 3 + torch.randn(64, generator=torch.Generator().manual_seed(6))
    sobol = Sobol(grid=7, points=16, scramble=False, resize="bicubic-keys")
    design = sobol.evaluate(net, x, target).design.rows()
    theirs = peer(
        "xplique", "xplique.attributions", x=x.numpy(), target=target.numpy(), maps=maps.numpy(),
        design=design.numpy(), masks=masks.numpy(), scores=scores.numpy(),
    )  # fmt: skip
    np.testing.assert_allclose(
        sobol(net, x, target).numpy(), theirs["sobol"].squeeze(-1), atol=1e-4
    )
    occlusion = Occlusion(grid=8)(net, x, target).numpy()
    np.testing.assert_allclose(occlusion, theirs["occlusion"].squeeze(-1), atol=1e-5)
    hsic = HSIC(masks=64, grid=7, bandwidth="output").estimate(masks, scores[None])[0]
    np.testing.assert_allclose(hsic.numpy(), theirs["hsic"].ravel(), rtol=1e-3)
    for name, kind in (("deletion", Deletion), ("insertion", Insertion)):
        mine = kind(steps=10, output="logit")(Explanation(net, x, target, maps))
        np.testing.assert_allclose(next(iter(mine.values())), theirs[name], atol=1e-4)


RATES = (5e-4, 1e-3, 1e-2)


def planted(n, seed):
    """Eight of 256 random directions at a time, of random lengths, with some noise."""
    drawn = torch.randn(256, 64, generator=torch.Generator().manual_seed(0))
    atoms = torch.nn.functional.normalize(drawn, dim=1)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(n, 256, generator=generator).topk(8, dim=1).indices
    lengths = 0.5 + torch.rand(n, 8, generator=generator)
    codes = torch.zeros(n, 256).scatter(1, chosen, lengths)
    return codes @ atoms + 0.01 * torch.randn(n, 64, generator=generator)


@pytest.mark.parametrize("kind", ["topk", "batchtopk"])
def test_autoencoders_explain_as_much_as_those_of_overcomplete(peer, kind):
    """At equal epochs, batches and active concepts; theirs at the best of three rates."""
    a, held_out = planted(8192, 1), planted(2048, 2)
    theirs = peer(
        "autoencoders", "overcomplete", a=a.numpy(), held_out=held_out.numpy(), concepts=256,
        active=8, epochs=20, rates=RATES,
    )  # fmt: skip
    dictionary = SAE(kind=kind, concepts=256, active=8, epochs=20, halvings=100).fit(a)
    codes = dictionary.encode(held_out)
    explained = r_squared(held_out, dictionary.decode(codes))
    assert float((codes > 0).sum(1).float().mean()) < 8.5
    for number in range(len(RATES)):
        their_codes, back = (
            torch.from_numpy(theirs[f"{kind}_{number}_{what}"]) for what in ("codes", "back")
        )
        assert float((their_codes > 0).sum(1).float().mean()) > 7.5
        assert explained >= r_squared(held_out, back)
        assert dead(codes) <= dead(their_codes)
