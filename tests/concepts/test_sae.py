"""Kinds of sparse autoencoders, and training on a stream: direct versions, planted concepts."""

import weakref

import numpy as np
import pytest
import torch

from sparks.concepts import SAE, sae
from sparks.concepts.metrics import dead, matched_cosine, r_squared
from sparks.concepts.sae_codes import matching
from sparks.concepts.sae_kinds import KINDS, THRESHOLD, WIDTH, Archetypal, JumpReLU, _Jump, _Step
from sparks.concepts.streams import Stream
from sparks.errors import SparksError

K, P = 8, 24
# Kind → settings with which some two concepts are active.
SETTINGS = {
    "relu": {"penalty": 0.05},
    "topk": {"active": 2},
    "batchtopk": {"active": 2},
    "jumprelu": {"active": 2, "penalty": 1.0},
    "gated": {"penalty": 0.1},
    "matryoshka": {"active": 2},
    "pursuit": {"active": 2},
    "archetypal": {"active": 2},
}


def planted(n=1200, seed=0):
    """Two of eight random directions each, of random lengths, with some noise."""
    drawn = torch.randn(K, P, generator=torch.Generator().manual_seed(0))
    atoms = torch.nn.functional.normalize(drawn, dim=1)
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(n, K, generator=generator).topk(2, dim=1).indices
    lengths = 0.5 + torch.rand(n, 2, generator=generator)
    codes = torch.zeros(n, K).scatter(1, chosen, lengths)
    return codes @ atoms + 0.01 * torch.randn(n, P, generator=generator), atoms


def method(kind, **settings):
    given = {"concepts": K, "epochs": 80, "batch_size": 128}
    return SAE(kind=kind, **(given | SETTINGS[kind] | settings))


@pytest.fixture(scope="module")
def fitted():
    a, _ = planted()
    return {kind: method(kind).fit(a) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_planted_concepts_are_found_and_held_out_activations_explained(fitted, kind):
    _, atoms = planted()
    held_out, _ = planted(n=300, seed=1)
    dictionary = fitted[kind]
    assert r_squared(held_out, dictionary.decode(dictionary.encode(held_out))) > 0.85
    # Most of them: a local minimum may merge two, and an archetype is a mixture of activations.
    found = matched_cosine(dictionary.atoms, atoms)
    assert (found > 0.85).double().mean() >= (0.5 if kind == "archetypal" else 0.7)


@pytest.mark.parametrize("kind", KINDS)
def test_products_in_bfloat16_lead_to_as_good_a_dictionary(fitted, kind):
    a, _ = planted()
    held_out, _ = planted(n=300, seed=1)
    half = method(kind, precision="bf16").fit(a)
    assert half.atoms.dtype == torch.float32
    assert not half.atoms.equal(fitted[kind].atoms)
    r2, r2_half = (
        r_squared(held_out, one.decode(one.encode(held_out))) for one in (fitted[kind], half)
    )
    assert r2_half > r2 - 0.05


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "active" in SETTINGS[kind]])
def test_as_many_concepts_are_active_as_asked(fitted, kind):
    a, _ = planted(seed=1)
    count = (fitted[kind].encode(a) != 0).sum(1)
    assert 1.5 < float(count.float().mean()) < 2.5
    if kind in ("topk", "pursuit", "archetypal"):
        assert int(count.max()) <= 2


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind not in ("batchtopk", "matryoshka")]
)
def test_a_dictionary_codes_as_it_was_trained(kind):
    """Codes of mean + scale x are scale times those of x; those of a batch need a threshold."""
    a, _ = planted(n=200)
    mean, scale = a.mean(0), torch.tensor(3.0)
    own = KINDS[kind](K, 2, 0.1, 0)
    atoms = torch.nn.functional.normalize(torch.randn(K, P), dim=1)
    x = (a - mean) / scale
    weights = own.weights(atoms, x)
    generator = torch.Generator().manual_seed(0)
    for name, weight in weights.items():
        if name not in ("atoms", "mixing"):
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    own.constrain(weights)
    codes, _ = own.codes(x - weights["centre"], weights)
    dictionary = own.finished(weights, mean, scale, None)
    assert (codes > 0).any()
    assert torch.allclose(dictionary.encode(a), scale * codes, atol=1e-5)


def test_matching_pursuit_step_by_step():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(20, 6, generator=generator)
    atoms = torch.nn.functional.normalize(torch.randn(9, 6, generator=generator), dim=1)
    found = matching(a, atoms, 4)
    for row, codes in zip(a.double().numpy(), found.numpy(), strict=True):
        left, expected = row.copy(), np.zeros(9)
        for _ in range(4):
            products = atoms.double().numpy() @ left
            best = products.argmax()
            if products[best] > 0:
                expected[best] += products[best]
                left -= products[best] * atoms[best].double().numpy()
        np.testing.assert_allclose(codes, expected, atol=1e-5)


def test_gradients_of_a_threshold_are_those_of_a_window_around_it():
    z = torch.tensor([[0.02, 0.5], [0.30, 0.49]], requires_grad=True)
    threshold = torch.tensor([0.03, 0.5], requires_grad=True)
    upstream = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    (_Jump.apply(z, threshold) * upstream).sum().backward()
    # In the window: z[0, 0], z[0, 1] and z[1, 1]; above the threshold: z[1, 0].
    expected = -torch.tensor([0.03 * 1.0, 0.5 * (2.0 + 4.0)]) / WIDTH
    assert torch.allclose(threshold.grad, expected)
    assert torch.equal(z.grad, torch.tensor([[0.0, 0.0], [3.0, 0.0]]))
    threshold.grad = None
    (_Step.apply(z, threshold) * upstream).sum().backward()
    assert torch.allclose(threshold.grad, -torch.tensor([1.0, 6.0]) / WIDTH)


def test_thresholds_start_alike_and_are_positive():
    weights = JumpReLU(3, 1, 1.0, 0).weights(torch.eye(3), torch.rand(5, 3))
    assert torch.allclose(weights["height"].exp(), torch.full((3,), THRESHOLD))


def test_archetypes_stay_near_mixtures_of_activations():
    a, _ = planted(n=300)
    own = Archetypal(K, 2, 0.1, 0)
    weights = own.weights(torch.randn(K, P), a)
    weights["mixing"] += torch.randn(weights["mixing"].shape)
    weights["step"] += torch.randn(K, P)
    own.constrain(weights)
    assert (weights["mixing"] >= 0).all()
    assert torch.allclose(weights["mixing"].sum(1), torch.ones(K))
    assert weights["step"].norm(dim=1).max() <= Archetypal.RELAXED * (1 + 1e-5)
    # Centres of clusters are means of activations, so that mixtures lie in their hull.
    assert (own.points.amax(0) <= a.amax(0) + 1e-5).all()
    assert (own.points.amin(0) >= a.amin(0) - 1e-5).all()


def test_the_first_atoms_of_a_matryoshka_do_more_alone(fitted):
    a, _ = planted(seed=2)
    alone = {}
    for kind in ("batchtopk", "matryoshka"):
        codes = fitted[kind].encode(a)
        codes[:, K // 2 :] = 0
        alone[kind] = r_squared(a, fitted[kind].decode(codes))
    assert alone["matryoshka"] > alone["batchtopk"] + 0.02


def test_unused_atoms_are_revived():
    """Of 64 atoms for activations that lie on one ray, hardly any is used without."""
    generator = torch.Generator().manual_seed(0)
    a = torch.rand(600, 1, generator=generator) * torch.rand(1, P, generator=generator)
    a += 0.05 * torch.randn(600, P, generator=generator)
    settings = {"concepts": 64, "active": 1, "epochs": 80, "batch_size": 64}
    unused = {
        revive: dead(SAE(revive=revive, **settings).fit(a).encode(a)) for revive in (False, True)
    }
    assert unused[True] < unused[False] - 0.05


def test_a_stream_of_the_same_batches_gives_the_same_bits(monkeypatch):
    a, _ = planted(n=300)
    whole = method("topk", epochs=4)
    generator = torch.Generator().manual_seed(0)
    torch.randn(K, P, generator=generator)  # drawn for the first atoms
    orders = [torch.randperm(len(a), generator=generator) for _ in range(4)]

    def batches(epoch):
        return (a[rows] for rows in torch.split(orders[epoch], 128))

    monkeypatch.setattr(Stream, "sample", lambda self, rows: a)  # whose mean is summed in order
    stream = Stream(batches)
    found, expected = whole.fit(stream), whole.fit(a)
    assert torch.equal(found.atoms, expected.atoms)
    assert torch.equal(found.filters, expected.filters)
    assert found.fit.loss == pytest.approx(expected.fit.loss, rel=1e-5)


def test_a_stream_is_never_in_memory_as_a_whole(monkeypatch):
    monkeypatch.setattr(sae, "SAMPLE", 500)
    alive, most = [], {}  # whether each batch that was given is still there; by epoch

    def batches(epoch):
        generator = torch.Generator().manual_seed(epoch)
        for _ in range(30):
            batch = torch.randn(100, P, generator=generator)
            alive.append(weakref.ref(batch))
            yield batch
            del batch
            there = sum(one() is not None for one in alive)
            most[epoch] = max(most.get(epoch, 0), there)

    SAE(concepts=K, active=2, epochs=3).fit(Stream(batches))
    assert len(alive) > 3 * 30
    assert most[1] <= 2
    assert most[2] <= 2


def test_places_of_a_layer_are_drawn_anew_in_each_epoch(layer, images):
    stream = Stream.of(layer, lambda: torch.split(images, 5), places=3)
    first, again, second = (torch.cat(list(stream(epoch))) for epoch in (0, 0, 1))
    assert first.shape == (len(images) * 3, layer.channels)
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    every = torch.cat(list(Stream.of(layer, lambda: torch.split(images, 5))(0)))
    assert torch.equal(every, layer.activations(images).flatten(0, 1))
    assert (first[:, None] == every[None]).all(2).any(1).all()


def test_refusals():
    with pytest.raises(SparksError, match="kind 'relu' revives no atoms"):
        SAE(kind="relu", revive=True)
    with pytest.raises(SparksError, match="gives no batch"):
        SAE(concepts=3).fit(Stream(lambda epoch: []))
    broken = torch.ones(5, 4)
    broken[3, 1] = torch.nan
    with pytest.raises(SparksError, match="activation 3 holds NaN"):
        SAE(concepts=3).fit(Stream(lambda epoch: [broken]))
    with pytest.raises(SparksError, match="8 concepts of 5 activations"):
        SAE(concepts=8).fit(Stream(lambda epoch: [torch.rand(5, 4)]))
    with pytest.raises(SparksError, match="places=0"):
        Stream.of(None, list, places=0)
