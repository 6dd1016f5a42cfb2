"""Every dictionary: what it promises, against scikit-learn, closed forms and planted concepts."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import decomposition

from sparks.concepts import (
    ICA,
    NMF,
    PCA,
    SAE,
    ConvexNMF,
    KMeans,
    Neurons,
    RandomAtoms,
    SemiNMF,
)
from sparks.concepts.dictionary import loss_of
from sparks.concepts.metrics import matched_cosine
from sparks.concepts.nmf import nndsvda, random_start
from sparks.errors import SparksError

K = 4
EVERY = [
    NMF(concepts=K),
    SemiNMF(concepts=K),
    ConvexNMF(concepts=K, iterations=50),
    KMeans(concepts=K),
    PCA(concepts=K),
    ICA(concepts=K),
    SAE(concepts=K, kind="relu", epochs=8),
    SAE(concepts=K, kind="topk", active=2, epochs=8),
    SAE(concepts=K, kind="batchtopk", active=2, epochs=8),
    Neurons(concepts=K),
    RandomAtoms(concepts=K),
]
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


@settings(max_examples=10, deadline=None)
@given(
    st.integers(30, 80), st.integers(5, 20), st.integers(2, 5), st.integers(0, 99), st.booleans()
)
def test_nmf_is_no_worse_than_scikit_learn_from_the_same_start(n, p, k, seed, double_svd):
    assume(k < p)  # else A = U V exactly, and the losses tell only where near 0 each one stops
    generator = torch.Generator().manual_seed(seed)
    a = (torch.rand(n, k, generator=generator) @ torch.rand(k, p, generator=generator)) + (
        0.3 * torch.rand(n, p, generator=generator)
    )
    u, v = nndsvda(a, k, 0) if double_svd else random_start(a, k, seed)
    theirs = decomposition.NMF(k, init="custom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit_transform(a.numpy(), W=u.numpy().copy(), H=v.numpy().copy())
    left, right, fit = NMF(concepts=k).factorise(a, (u, v))
    assert (left >= 0).all()
    assert (right >= 0).all()
    assert fit.loss == pytest.approx(loss_of(a, left, right), rel=1e-4)
    assert fit.loss <= theirs.reconstruction_err_**2 / 2 * 1.01


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
    batch = SAE(concepts=8, kind="batchtopk", active=2, epochs=8).fit(a).encode(a)
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
        with pytest.raises(SparksError, match="all activations are alike"):
            method.fit(a)
        return
    fitted = method.fit(a)
    assert torch.isfinite(fitted.atoms).all()
    assert torch.isfinite(fitted.decode(fitted.encode(a))).all()
