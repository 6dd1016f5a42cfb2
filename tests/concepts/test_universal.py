"""One dictionary for several networks: planted concepts, a direct version, and controls."""

import pytest
import torch
from torch.nn import functional

from sparks.concepts import UniversalSAE, co_firing, cross_reconstruction, firing_entropy
from sparks.concepts.metrics import matched_correlation
from sparks.errors import SparksError

K, WIDTHS = 8, (24, 16)


def directions():
    """Eight random directions in each of two networks; the last is absent from the second."""
    generator = torch.Generator().manual_seed(0)
    atoms = [functional.normalize(torch.randn(K, p, generator=generator), dim=1) for p in WIDTHS]
    atoms[1][-1] = 0
    return atoms


def planted(n=1200, seed=0):
    """Two of eight concepts at each place, seen by both networks, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.rand(n, K, generator=generator).topk(2, dim=1).indices
    lengths = 0.5 + torch.rand(n, 2, generator=generator)
    codes = torch.zeros(n, K).scatter(1, chosen, lengths)
    noise = [0.01 * torch.randn(n, p, generator=generator) for p in WIDTHS]
    return codes, [codes @ d + e for d, e in zip(directions(), noise, strict=True)]


def method(**settings):
    return UniversalSAE(
        **({"concepts": K, "active": 2, "epochs": 120, "batch_size": 128} | settings)
    )


@pytest.fixture(scope="module")
def fitted():
    return method().fit(planted()[1])


def test_codes_of_either_network_explain_both(fitted):
    codes, held_out = planted(n=300, seed=1)
    assert float(cross_reconstruction(fitted, held_out).min()) > 0.75
    for dictionary, a in zip(fitted, held_out, strict=True):
        assert matched_correlation(dictionary.encode(a), codes) > 0.8


def test_a_concept_is_the_same_number_in_both(fitted):
    _, (a, b) = planted(n=300, seed=1)
    one, other = fitted[0].encode(a), fitted[1].encode(b)
    used = (one > 0).any(0) & (other > 0).any(0)
    same = torch.tensor(
        [float(torch.corrcoef(torch.stack([one[:, k], other[:, k]]))[0, 1]) for k in range(K)]
    )[used]
    assert float(same.median()) > 0.9


def test_a_concept_of_one_network_alone_is_known_by_its_uses(fitted):
    codes, (a, b) = planted(n=600, seed=1)
    uses = [fitted[0].encode(a), fitted[1].encode(b)]
    entropy, together = firing_entropy(uses), co_firing(uses)
    # Of the first network's codes, the one that follows the planted concept of its own.
    planted_alone = codes[:, -1]
    likeness = [float(torch.corrcoef(torch.stack([u, planted_alone]))[0, 1]) for u in uses[0].T]
    alone = max(range(K), key=lambda k: likeness[k] if likeness[k] == likeness[k] else -1.0)
    assert entropy.nan_to_num(2).argmin() == alone
    assert together.nan_to_num(2).argmin() == alone
    others = [k for k in range(K) if k != alone and entropy[k] == entropy[k]]
    assert float(entropy[others].median()) > 0.95


def test_places_that_do_not_belong_together_have_few_concepts_in_common():
    _, (a, b) = planted()
    order = torch.randperm(len(b), generator=torch.Generator().manual_seed(0))
    _, held_out = planted(n=300, seed=1)
    found = cross_reconstruction(method().fit([a, b[order]]), held_out)
    # Each code serves a concept of either network, which are the same in one of eight by chance.
    assert float(found.diagonal().min()) > 0.5
    assert float((found[0, 1] + found[1, 0]) / 2) < 0.35


def test_training_is_that_of_a_direct_version():
    """The same draws, with modules and PyTorch's own Adam."""
    _, a = planted(n=200)
    settings = {"epochs": 4, "patience": 10**6, "batch_size": 50, "rate": 1e-2, "seed": 3}
    fitted = method(**settings).fit(a)
    x = [(one - one.mean(0)) / (one - one.mean(0)).norm(dim=1).mean() for one in a]
    generator = torch.Generator().manual_seed(3)
    decoders = [torch.randn(K, p, generator=generator) for p in WIDTHS]
    decoders = [torch.nn.Parameter(d / d.norm(dim=1, keepdim=True)) for d in decoders]
    encoders = [torch.nn.Linear(p, K) for p in WIDTHS]
    for encoder, decoder in zip(encoders, decoders, strict=True):
        encoder.weight.data, encoder.bias.data = decoder.data.clone(), torch.zeros(K)
    weights = [*decoders, *(w for e in encoders for w in (e.weight, e.bias))]
    optimiser = torch.optim.Adam(weights, lr=1e-2)
    for _ in range(4):
        for rows in torch.split(torch.randperm(200, generator=generator), 50):
            drawn = int(torch.randint(2, (1,), generator=generator))
            u = encoders[drawn](x[drawn][rows]).relu()
            u = u * (u >= u.topk(2, dim=1).values[:, -1:])
            loss = sum(
                ((t[rows] - u @ d) ** 2).sum(1).mean() for t, d in zip(x, decoders, strict=True)
            )
            optimiser.zero_grad(set_to_none=True)
            (loss / 2).backward()
            optimiser.step()
            with torch.no_grad():
                lengths = (sum((d**2).sum(1) for d in decoders) / 2).sqrt()
                for d in decoders:
                    d /= lengths[:, None]
    for dictionary, one, decoder in zip(fitted, a, decoders, strict=True):
        scale = (one - one.mean(0)).norm(dim=1).mean()
        torch.testing.assert_close(dictionary.atoms / scale, decoder.data, rtol=1e-3, atol=1e-4)


def test_the_scale_and_the_mean_of_a_network_do_not_matter(fitted):
    _, (a, b) = planted()
    again = method().fit([a, 4 * b + 1])
    torch.testing.assert_close(
        again[1].encode(4 * b + 1), fitted[1].encode(b), rtol=1e-2, atol=1e-2
    )


def test_uses_are_counted_place_by_place():
    one = torch.tensor([[1.0, 0, 0], [2, 0, 0], [0, 3, 0], [0, 0, 0]])
    other = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]])
    assert co_firing([one, other]).tolist()[:2] == pytest.approx([1 / 3, 0])
    assert firing_entropy([one, other]).tolist()[:2] == pytest.approx([1, 0])
    assert firing_entropy([one, other]).isnan().tolist() == [False, False, True]
    assert co_firing([one, other]).isnan().tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("activations", "message"),
    [
        ([torch.rand(60, 4)], "two networks or more"),
        ([torch.rand(60, 4), torch.rand(48, 4)], r"\[60, 48\] activations.*same places"),
        ([torch.rand(60, 4), torch.full((60, 4), torch.nan)], "NaN or infinite"),
        ([torch.rand(5, 4), torch.rand(5, 4)], "8 concepts of 5 activations"),
    ],
)
def test_activations_that_do_not_fit_are_refused(activations, message):
    with pytest.raises(SparksError, match=message):
        method().fit(activations)


@pytest.mark.parametrize("settings", [{"active": 9}, {"rate": 0.0}, {"epochs": 0}, {"seed": -1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(SparksError):
        method(**settings)
