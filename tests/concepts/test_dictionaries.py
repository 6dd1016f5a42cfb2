"""Every dictionary: what it promises, against scikit-learn, closed forms and planted concepts."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn import decomposition

from sparks.concepts import (
    ICA,
    NMF,
    PCA,
    SAE,
    ConvexNMF,
    KMeans,
    SemiNMF,
)
from sparks.concepts.dictionary import STRIDE, TooFewDimensions, loss_of, rank_of
from sparks.concepts.metrics import matched_cosine
from sparks.concepts.nmf import nndsvda, random_start
from sparks.concepts.sae import Plateau
from sparks.errors import SparksError

from .conftest import every_dictionary

K = 4
EVERY = every_dictionary(K)
MIXED = [m for m in EVERY if not isinstance(m, NMF)]


def planted(n=400, p=12, k=K, noise=0.02, seed=0):
    """Sparse non-negative codes of disjoint atoms, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    codes = torch.rand(n, k, generator=generator) * (torch.rand(n, k, generator=generator) < 0.4)
    atoms = torch.zeros(k, p)
    for i in range(k):
        atoms[i, i * p // k : (i + 1) * p // k] = 1
    noisy = codes @ atoms + noise * torch.rand(n, p, generator=generator)
    return noisy, atoms


@pytest.mark.parametrize("method", EVERY, ids=lambda m: type(m).__name__ + getattr(m, "kind", ""))
class TestEvery:
    def test_interface(self, method):
        a, _ = planted()
        fitted = method.fit(a)
        codes = fitted.encode(a)
        assert codes.shape == (len(a), K)
        assert fitted.atoms.shape == (K, a.shape[1])
        back = fitted.decode(codes)
        # The loss it reports is that of its codes, or (the factorisations) just above it.
        loss = float((a - back).double().square().sum() / 2)
        assert loss <= fitted.fit.loss * (1 + 1e-4)
        assert loss >= fitted.fit.loss * 0.7
        assert fitted.fit.rule
        assert fitted.fit.seed == 0
        spread = fitted.encode(a[:6].reshape(2, 3, -1))
        assert torch.allclose(spread.reshape(6, K), codes[:6], atol=1e-5)

    def test_same_seed_same_bytes(self, method):
        a, _ = planted()
        assert torch.equal(method.fit(a).atoms, method.fit(a).atoms)

    def test_refuses_nan_and_too_few(self, method):
        a, _ = planted()
        with pytest.raises(SparksError, match="4 concepts of 3 activations"):
            method.fit(a[:3])
        a[5, 2] = torch.nan
        with pytest.raises(SparksError, match="activation 5 holds NaN"):
            method.fit(a)


@pytest.mark.parametrize("method", MIXED, ids=lambda m: type(m).__name__ + getattr(m, "kind", ""))
def test_takes_negative_activations(method):
    a, _ = planted()
    assert torch.isfinite(method.fit(a - a.mean(0)).atoms).all()


def test_nmf_refuses_negative_activations_and_names_ways_out():
    a, _ = planted()
    with pytest.raises(SparksError, match=r"down to -1.*ReLU layer.*SemiNMF"):
        NMF(concepts=K).fit(a - 1)


def test_encoding_other_channels_is_refused():
    a, _ = planted()
    with pytest.raises(SparksError, match="5 channels"):
        PCA(concepts=K).fit(a).encode(a[:, :5])


def mixture(n, p, k, seed):
    """Non-negative activations (n, p) that k concepts explain in part, float64."""
    generator = torch.Generator().manual_seed(seed)
    codes, atoms = torch.rand(n, k, generator=generator), torch.rand(k, p, generator=generator)
    return (codes @ atoms + 0.3 * torch.rand(n, p, generator=generator)).double()


@given(
    n=st.integers(10, 80), p=st.integers(5, 20), k=st.integers(2, 5), seed=st.integers(0, 99),
    double_svd=st.booleans(),
)  # fmt: skip
@example(n=30, p=6, k=5, seed=30, double_svd=False)  # scikit-learn ends lower from this start
def test_the_loss_of_nmf_never_rises(n, p, k, seed, double_svd):
    a = mixture(n, p, k, seed)
    pair = nndsvda(a, k, 0) if double_svd else random_start(a, k, seed)
    loss = loss_of(a, *pair)
    for _ in range(20):
        u, v, fit = NMF(concepts=k, iterations=1).factorise(a, pair)
        assert (u >= 0).all()
        assert (v >= 0).all()
        assert fit.loss == pytest.approx(float((a - u @ v).square().sum() / 2))
        assert fit.loss <= loss * (1 + 1e-12)
        pair, loss = (u, v), fit.loss


def slope(a, u, v):
    """Length of the projected gradient over U and V: 0 where the loss is stationary."""
    rest = u @ v - a
    slopes = rest @ v.T, u.T @ rest
    projected = [
        torch.where(x > 0, gradient, gradient.clamp(max=0))
        for x, gradient in zip((u, v), slopes, strict=True)
    ]
    return sum(float(part.square().sum()) for part in projected) ** 0.5


@pytest.mark.parametrize("case", [(30, 6, 5, 30), (60, 12, 4, 1), (80, 20, 3, 2)])
@pytest.mark.parametrize("start", ["nndsvda", "random"])
def test_nmf_ends_where_the_loss_is_stationary(case, start):
    a = mixture(*case)
    method = NMF(concepts=case[2], start=start, iterations=5000, tolerance=1e-10)
    u, v, fit = method.factorise(a)
    assert fit.converged
    assert slope(a, u, v) < 1e-3 * slope(a, *random_start(a, case[2], 0))


@pytest.mark.parametrize("case", [(30, 6, 5, 30), (60, 12, 4, 1), (80, 20, 3, 2)])
def test_nmf_beside_scikit_learn_over_many_starts(case):
    """The problem is not convex: from one start either may end lower, in the middle of many not."""
    a, k = mixture(*case), case[2]
    ours, theirs = [], []
    for seed in range(11):
        start = random_start(a, k, seed)
        ours.append(NMF(concepts=k).factorise(a, start)[2].loss)
        model = decomposition.NMF(k, init="custom")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit_transform(a.numpy(), W=start[0].numpy().copy(), H=start[1].numpy().copy())
        theirs.append(model.reconstruction_err_**2 / 2)
    assert np.median(ours) <= np.median(theirs) * (1 + 1e-3)  # each stops a little above the end


def test_a_loss_of_zero_has_converged():
    a, atoms = planted(noise=0)
    codes = a @ torch.linalg.pinv(atoms)
    exact = NMF(concepts=K).factorise(a, (codes, atoms))[2]
    assert exact.converged
    assert exact.iterations <= STRIDE
    for method in (NMF(concepts=K), SemiNMF(concepts=K), ConvexNMF(concepts=K), SAE(concepts=K)):
        assert method.fit(torch.zeros(30, 12)).fit.converged, method


@pytest.mark.parametrize("kind", [SemiNMF, ConvexNMF])
def test_the_loss_of_mixed_factorisations_never_rises(kind):
    a = planted(noise=0.3)[0] - 0.3
    losses = [kind(concepts=K, iterations=i, tolerance=0).fit(a).fit.loss for i in range(1, 15)]
    assert (np.diff(losses) <= 1e-6 * losses[0]).all()


def test_nmf_on_planted_data_reaches_the_loss_of_scikit_learn_run_to_the_end():
    a, _ = planted(noise=0.3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = decomposition.NMF(K, init="nndsvda", max_iter=2000, tol=1e-6).fit(a.numpy())
    ours = NMF(concepts=K, tolerance=1e-7, iterations=3000).fit(a)
    assert ours.fit.loss <= theirs.reconstruction_err_**2 / 2 * 1.001


def test_planted_concepts_are_found():
    a, atoms = planted()
    assert matched_cosine(NMF(concepts=K).fit(a).atoms, atoms).min() > 0.99


def test_an_autoencoder_explains_planted_data():
    a, _ = planted()
    loss = SAE(concepts=2 * K, active=3, epochs=150).fit(a).fit.loss
    assert loss < 0.05 * float((a - a.mean(0)).square().sum() / 2)


@pytest.mark.parametrize(
    "kind",
    ["relu", *(pytest.param(kind, marks=pytest.mark.nightly) for kind in ("topk", "batchtopk"))],
)
def test_whether_an_autoencoder_has_converged_is_measured(kind):
    a, _ = planted(noise=0.3)
    short, whole = SAE(concepts=6, kind=kind, epochs=8), SAE(concepts=6, kind=kind)
    assert not short.fit(a).fit.converged
    fit = whole.fit(a).fit
    assert fit.converged
    assert fit.iterations < whole.epochs
    # It has levelled off: training on for far longer gains next to nothing.
    longer = replace(whole, patience=200, halvings=10).fit(a).fit
    assert longer.iterations > 2 * fit.iterations
    assert longer.loss > 0.9 * fit.loss


def test_a_rate_is_halved_where_the_loss_levels_off():
    plateau = Plateau(rate=1.0, steps=6, tolerance=0.01)  # two epochs of three steps
    for loss in (8, 8, 4, 4, 2, 2):
        plateau.note(loss, 3)
    assert (plateau.rate, plateau.halvings) == (1.0, 0)
    for loss in (2, 1.99, 1.99, 1.98):
        plateau.note(loss, 3)
    assert (plateau.rate, plateau.halvings) == (0.25, 2)
    for loss in (0, 0, 0, 0):
        plateau.note(loss, 3)
    assert plateau.halvings == 3
    for loss in (np.nan, np.nan, np.nan):
        plateau.note(loss, 3)
    assert plateau.halvings == 3  # a loss that is no number has not levelled off


def test_too_few_dimensions():
    flat = planted()[0][:, :3] @ torch.rand(3, 12, generator=torch.Generator().manual_seed(1))
    flat = flat + torch.tensor([7.0] * 6 + [0.0] * 6)  # a mean is no dimension
    with pytest.raises(TooFewDimensions, match="spread in 3 dimensions, and ICA of 4"):
        ICA(concepts=K).fit(flat)
    a = planted()[0]
    a[:, 3:] = a[:, :1] + a[:, 1:2]
    a[:, 1] = a[:, 2] = 0.5
    with pytest.raises(TooFewDimensions):
        ICA(concepts=K).fit(a)
    fitted = PCA(concepts=K).fit(a)
    assert (fitted.atoms.norm(dim=1) > 0.99).sum() == rank_of(a) < K
    assert (fitted.encode(a)[:, rank_of(a) :] == 0).all()
    assert torch.allclose(fitted.decode(fitted.encode(a)), a, atol=1e-5)


def test_pca_is_the_best_subspace():
    a, _ = planted(noise=0.3)
    centred = (a - a.mean(0)).double()
    values = torch.linalg.svdvals(centred)
    fitted = PCA(concepts=K).fit(a)
    assert fitted.fit.loss == pytest.approx(float(values[K:].square().sum() / 2), rel=1e-5)
    for other in (NMF, KMeans, ICA, SemiNMF):
        assert fitted.fit.loss <= other(concepts=K).fit(a).fit.loss * (1 + 1e-6)


def test_ica_reconstructs_like_pca_though_the_data_are_not_centred():
    a, _ = planted(noise=0.3)
    a = a + 5
    ica, pca = ICA(concepts=K).fit(a), PCA(concepts=K).fit(a)
    assert torch.allclose(ica.decode(ica.encode(a)), pca.decode(pca.encode(a)), atol=1e-3)


def test_kmeans_codes_are_one_hot_and_decode_to_the_nearest_centre():
    a, _ = planted()
    fitted = KMeans(concepts=K).fit(a)
    codes = fitted.encode(a)
    assert (codes.sum(1) == 1).all()
    assert ((codes == 0) | (codes == 1)).all()
    distances = torch.cdist(a, fitted.atoms)
    assert torch.allclose((a - fitted.decode(codes)).norm(dim=1), distances.amin(1), atol=1e-5)


def test_convex_atoms_lie_in_the_cone_of_the_data():
    a, _ = planted()
    a = a - a.mean(0)
    fitted = ConvexNMF(concepts=2, iterations=40).fit(a)
    from scipy.optimize import nnls

    for atom in fitted.atoms.double().numpy():
        _, rest = nnls(a.double().numpy().T, atom)
        assert rest < 1e-4 * np.linalg.norm(atom)


def test_sparse_autoencoders_are_as_sparse_as_asked():
    a, _ = planted()
    top = SAE(concepts=8, kind="topk", active=2, epochs=8).fit(a).encode(a)
    assert ((top != 0).sum(1) <= 2).all()
    batch = SAE(concepts=8, kind="batchtopk", active=2).fit(a).encode(a)
    assert 1.5 < float((batch != 0).sum(1).float().mean()) < 2.5
    loose, tight = (
        SAE(concepts=8, kind="relu", penalty=penalty, epochs=20).fit(a).encode(a)
        for penalty in (0.01, 1.0)
    )
    assert (tight != 0).sum() < (loose != 0).sum()


def test_more_concepts_than_channels():
    a, _ = planted()
    assert NMF(concepts=20).fit(a).encode(a).shape == (len(a), 20)
    with pytest.raises(SparksError, match="20 concepts of 12 channels: at most 12"):
        PCA(concepts=20).fit(a)


def test_settings_are_checked():
    with pytest.raises(SparksError, match="kind 'gelu' is unknown"):
        SAE(kind="gelu")
    with pytest.raises(SparksError, match="active 12"):
        SAE(concepts=10, active=12)
    with pytest.raises(SparksError, match="start='zeros'"):
        NMF(start="zeros")
    with pytest.raises(SparksError, match=r"start of U and V .* \(400, 4\), \(4, 12\)"):
        NMF(concepts=4).fit(planted()[0], (torch.rand(400, 3), torch.rand(3, 12)))
    with pytest.raises(SparksError, match="iterations=0"):
        SemiNMF(iterations=0)
    with pytest.raises(SparksError, match="batch_size=0"):
        SAE(batch_size=0)


@pytest.mark.filterwarnings("ignore")  # of scikit-learn, on clusters and variance
@pytest.mark.parametrize("value", [0.0, 1.0])
@pytest.mark.parametrize("method", EVERY, ids=lambda m: type(m).__name__ + getattr(m, "kind", ""))
def test_activations_that_are_all_alike(method, value):
    a = torch.full((30, 12), value)
    if isinstance(method, ICA):
        with pytest.raises(SparksError, match="spread in 0 dimensions"):
            method.fit(a)
        return
    fitted = method.fit(a)
    assert torch.isfinite(fitted.atoms).all()
    assert torch.isfinite(fitted.decode(fitted.encode(a))).all()
