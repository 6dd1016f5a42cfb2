"""Metrics of dictionaries, truth, machine tests, clusters, steering and randomised weights."""

import math

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from sparks.concepts import Histograms
from sparks.concepts.clusters import Strategies, plane
from sparks.concepts.crops import Crops
from sparks.concepts.ground_truth import (
    causal_agreement,
    ceiling,
    crops_on_parts,
    effects,
    importance_of_parts,
    largest_parts,
    recovery,
    shown_where,
)
from sparks.concepts.metrics import (
    above_chance,
    frechet,
    hoyer,
    knn_distance,
    matched_cosine,
    out_of_distribution,
    r_squared,
    relative_l2,
    sliced_wasserstein,
    sparsity,
    stability,
    stability_by_chance,
)
from sparks.concepts.observer import forced_choice, intruder
from sparks.concepts.sanity import cascade
from sparks.concepts.steering import most_important, shuffled, steer
from sparks.data import Chimera
from sparks.errors import SparksError


def gaussian(n, p, seed=0):
    return torch.randn(n, p, generator=torch.Generator().manual_seed(seed))


class TestMetrics:
    def test_closed_forms(self):
        a = torch.tensor([[3.0, 4.0], [0.0, 2.0]])
        assert torch.allclose(relative_l2(a, torch.zeros(2, 2)), torch.ones(2))
        assert torch.allclose(relative_l2(a, a), torch.zeros(2))
        u = torch.tensor([[1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], [2.0, 0.0, 0.0, 1e-9]])
        assert sparsity(u).tolist() == [0.75, 0.0, 0.75]
        assert hoyer(u)[:2].tolist() == pytest.approx([1.0, 0.0], abs=1e-6)

    def test_matching_ignores_order_size_and_sign(self):
        atoms = gaussian(5, 8)
        order = torch.tensor([3, 1, 4, 0, 2])
        other = atoms[order] * torch.tensor([1.0, -2.0, 0.5, 3.0, -1.0])[:, None]
        assert torch.allclose(matched_cosine(atoms, other), torch.ones(5).double())

    def test_a_dead_atom_counts_as_unmatched(self):
        atoms = gaussian(4, 8)
        dead = atoms.clone()
        dead[2] = 0
        assert stability([atoms, dead]).tolist() == pytest.approx([0.75])
        assert len(stability([atoms, dead, atoms])) == 3

    def test_stability_by_chance_in_closed_form(self):
        # One Gaussian atom of p channels: E |cosine| = Γ(p/2) / (√π Γ((p+1)/2)), where shuffling
        # leaves the mean of the channels as it is, of order 1 / √p.
        p = 64
        expected = math.exp(math.lgamma(p / 2) - math.lgamma((p + 1) / 2)) / math.sqrt(math.pi)
        lone = torch.randn(2, 1, p, generator=torch.Generator().manual_seed(3))
        lone = list(lone - lone.mean(2, keepdim=True))
        chance = stability_by_chance(lone, repeats=2000)
        assert float(chance.mean()) == pytest.approx(expected, rel=0.05)
        # One channel alone meets another one in one of p cases.
        one_hot = [torch.eye(8)[:1], torch.eye(8)[3:4]]
        assert float(stability_by_chance(one_hot, 4000).mean()) == pytest.approx(1 / 8, abs=0.02)

    def test_chance_is_the_level_of_unrelated_dictionaries_and_non_negative_ones_have_more(self):
        signed = [gaussian(10, 32, i) for i in range(6)]
        positive = [d.abs() for d in signed]
        for unrelated in (signed, positive):
            chance = float(stability_by_chance(unrelated[:2], repeats=40).mean())
            assert float(stability(unrelated).mean()) == pytest.approx(chance, abs=0.03)
            assert float(stability([unrelated[0]] * 2).mean()) == pytest.approx(1)
        levels = [float(stability_by_chance(d).mean()) for d in (signed, positive)]
        assert levels[0] + 0.3 < levels[1]
        assert above_chance(0.75, 0.5) == 0.5
        assert above_chance(0.4, 0.5) < 0
        assert math.isnan(above_chance(1, 1))  # constant atoms: shuffling changes nothing
        assert float(stability_by_chance([torch.ones(3, 8)] * 2).mean()) == pytest.approx(1)

    def test_no_pair_has_no_stability(self):
        with pytest.raises(SparksError, match="there is 1"):
            stability([gaussian(3, 4)])

    def test_r_squared(self):
        a = gaussian(50, 4)
        assert r_squared(a, a) == 1
        assert r_squared(a, a.mean(0).expand(50, 4)) == pytest.approx(0, abs=1e-6)
        half = a.mean(0) + (a - a.mean(0)) / 2
        assert r_squared(a, half) == pytest.approx(0.75)

    @pytest.mark.parametrize("value", [0.0, 0.1, 3.0])
    @pytest.mark.parametrize("off", [0.0, 1.0])
    def test_activations_that_are_all_alike_have_no_relative_score(self, value, off):
        a = torch.full((6, 4), value)
        back = a + off
        for score in (frechet(a, back), sliced_wasserstein(a, back), r_squared(a, back)):
            assert math.isnan(score)
        assert out_of_distribution(a, a, back).isnan().all()

    def test_a_zero_activation_has_no_relative_error(self):
        a = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
        found = relative_l2(a, torch.ones(2, 2))
        assert found[0] == pytest.approx(13**0.5 / 5, rel=1e-5)
        assert found[1].isnan()

    def test_frechet_against_matrix_square_root(self):
        a, b = gaussian(300, 5), gaussian(300, 5, 1) @ gaussian(5, 5, 2) + 0.3
        one, two = (np.cov(x.double().numpy().T) for x in (a, b))
        gap = ((a.double().mean(0) - b.double().mean(0)) ** 2).sum()
        expected = gap + np.trace(one + two - 2 * sqrtm(one @ two).real)
        assert frechet(a, b) == pytest.approx(float(expected) / np.trace(one), rel=1e-6)
        assert frechet(a, a) == pytest.approx(0, abs=1e-9)

    def test_sliced_wasserstein_of_a_shift(self):
        a = gaussian(500, 1)
        unit = float((a - a.mean()).abs().mean())
        assert sliced_wasserstein(a, a + 2.0) == pytest.approx(2 / unit, rel=0.05)
        assert sliced_wasserstein(a, a[torch.randperm(500)]) == pytest.approx(0, abs=1e-6)

    def test_distance_to_the_kth_neighbour(self):
        reference = torch.nn.functional.normalize(gaussian(40, 3), dim=1).double()
        query = gaussian(6, 3, 1)
        unit = torch.nn.functional.normalize(query.double(), dim=1)
        expected = [sorted(float((r - q).norm()) for r in reference)[4] for q in unit]
        assert knn_distance(reference, query, 5).tolist() == pytest.approx(expected)

    def test_distances_see_the_norm_only_when_asked(self):
        reference = gaussian(40, 3)
        query = gaussian(6, 3, 1)
        one, long = (knn_distance(reference, q) for q in (query, 100 * query))
        assert torch.allclose(one, long)
        expected = torch.cdist(100 * query.double(), reference.double()).sort(1).values[:, 4]
        assert torch.allclose(knn_distance(reference, 100 * query, unit=False), expected)

    def test_noise_is_out_of_distribution(self):
        line = torch.rand(200, 1, generator=torch.Generator().manual_seed(0)) @ gaussian(1, 6) + 2
        held, reference = line[:50], line[50:]
        assert float(out_of_distribution(reference, held, held).mean()) == pytest.approx(1)
        assert float(out_of_distribution(reference, held, held + gaussian(50, 6, 3)).mean()) > 3


class TestTruth:
    def test_maps_that_are_the_parts_are_matched_with_them(self):
        parts = torch.zeros(3, 16, 16, dtype=torch.uint8)
        parts[:, 2:6, 2:6], parts[1:, 10:14, 8:12] = 1, 3
        maps = torch.stack([(parts == 3), torch.zeros(3, 16, 16), (parts == 1)], 1).float()
        found = recovery(shown_where(maps, (16, 16), 0.5), parts, [0, 2])
        assert found["Concept"].tolist() == [2, 0]
        for name in ("IoU", "Purity", "Coverage"):
            assert found[name].tolist() == [1, 1]

    def test_half_a_part_too_much(self):
        parts = torch.zeros(1, 8, 8, dtype=torch.uint8)
        parts[:, :4, :4] = 1
        shown = torch.zeros(1, 1, 8, 8, dtype=torch.bool)
        shown[:, :, :4, 2:8] = True
        found = recovery(shown, parts, [0])
        assert found["IoU"].item() == pytest.approx(8 / 32)
        assert found["Purity"].item() == pytest.approx(8 / 24)
        assert found["Coverage"].item() == pytest.approx(8 / 16)

    def test_signed_codes_show_both_ends(self):
        maps = torch.zeros(1, 1, 4, 4)
        maps[0, 0, 0, 0], maps[0, 0, 3, 3] = 1, -1
        shown = shown_where(maps, (4, 4))
        assert shown.shape[1] == 2
        assert shown[0, 0].nonzero().tolist() == [[0, 0]]
        assert shown[0, 1].nonzero().tolist() == [[3, 3]]

    def test_the_largest_part_of_a_crop(self):
        parts = torch.zeros(2, 8, 8, dtype=torch.uint8)
        parts[0, :3, :3], parts[0, 2:4, 3:4], parts[1, 6:, 6:] = 1, 4, 2
        sample_index = torch.tensor([0, 0, 0, 1, 1])
        corner = torch.tensor([[0, 0], [2, 2], [4, 4], [4, 4], [0, 0]])
        # 9 against 2 pixels; 1 against 2; none; all; none
        assert largest_parts(Crops(sample_index, corner, 4), parts).tolist() == [0, 3, -1, 1, -1]

    def test_crops_on_parts_count_crops_of_different_images(self):
        parts = torch.zeros(3, 4, 4, dtype=torch.uint8)
        parts[:, :2, :2], parts[:, 2:, 2:] = 1, 2
        sample_index = torch.tensor([0, 0, 1, 1, 2, 2])
        corner = torch.tensor([[0, 0], [2, 2], [0, 0], [2, 2], [0, 0], [2, 2]])
        crops = Crops(sample_index, corner, 2)
        codes = torch.tensor([[3.0, -1, 0], [5, 0, 0], [2, -3, 0], [1, 0, 0], [4, 2, 0], [0, 0, 0]])
        # Of the two crops that show concept 0 most, one of each image, one shows part 0.
        share, chance = crops_on_parts(codes, [0, 0, 1, 4, 2], crops, parts, [0, 1, 0, 0, 0], 2)
        # Concept 1 has one crop above zero; turned round (3 + 1), two; nothing shows concept 2.
        assert share.tolist() == [0.5, 0.5, 0.5, 1, 0]
        assert chance.tolist() == [0.5] * 5

    def test_the_ceiling_beats_chance_at_the_resolution_of_a_layer(self):
        data = Chimera(n_train=10, n_test=20)()["test"]
        parts = data.truth["parts"]
        both = ceiling(parts, [0, 1], (8, 8))
        iou = recovery(shown_where(both, (64, 64)), parts, [0, 1])["IoU"]
        noise = torch.rand(both.shape, generator=torch.Generator().manual_seed(0))
        chance = recovery(shown_where(noise, (64, 64)), parts, [0, 1])["IoU"]
        assert (iou > 3 * chance).all()

    def test_effects_of_parts_on_a_model_that_knows_the_images(self):
        builder = Chimera(n_train=10, n_test=10)
        data = builder()["test"]
        names = data.tables["parts"]
        indices = [0, 3, 7]
        labels = data.truth["parts"][indices]
        part = int(labels[0].unique()[1]) - 1
        whole = data.batch(indices)

        class Part(torch.nn.Module):
            """Minus the distance to the full images: any part removed lowers it."""

            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(1))

            def forward(self, x):
                gaps = [(x - w).abs().sum((1, 2, 3)) for w in whole]
                return -torch.stack(gaps, 1).amin(1)[:, None]

        found = effects(Part(), builder, indices, labels, names, 0)
        assert found[0, part] > 0
        for row, label in enumerate(labels):
            present = set((label.unique() - 1).tolist()) & set(range(10))
            assert set((~found[row].isnan()).nonzero()[:, 0].tolist()) == present

    def test_importance_goes_where_the_maps_are(self):
        parts = torch.zeros(1, 8, 8, dtype=torch.uint8)
        parts[0, :4], parts[0, 4:, :4] = 1, 2
        maps = torch.zeros(1, 3, 8, 8)
        maps[0, 0, :4], maps[0, 1, 4:], maps[0, 2, 4:, 4:] = 1, 1, 1
        given = importance_of_parts(torch.tensor([[2.0, -4.0, 8.0]]), maps, parts, 2)
        assert given.tolist() == [[2.0, 2.0]]

    def test_agreement_with_causes(self):
        effect = torch.tensor([[5.0, 3.0, torch.nan, 0.1], [5.0, 3.0, 0.2, torch.nan]])
        given = torch.tensor([[0.9, 0.5, 9.0, 0.1], [0.1, 0.2, 0.3, 9.0]])
        found = causal_agreement(given, effect, [0, 1])
        assert found["CausalSpearman"].tolist() == pytest.approx([1, -1])
        assert found["DiagnosticShare"].tolist() == pytest.approx([1.4 / 1.5, 0.3 / 0.6])
        assert found["DiagnosticEffect"].tolist() == pytest.approx([8 / 8.1, 8 / 8.2])

    @pytest.mark.filterwarnings("ignore::sparks.metrics.maps.UndefinedScoreWarning")
    def test_no_importance_is_on_no_part(self):
        effect = torch.tensor([[5.0, 3.0, 1.0]])
        found = causal_agreement(torch.zeros(1, 3), effect, [0])
        assert found["DiagnosticShare"].isnan().all()
        assert found["CausalSpearman"].isnan().all()
        assert found["DiagnosticEffect"].tolist() == pytest.approx([5 / 9])


class TestMachine:
    def test_embedding_tells_colours_and_edges_apart(self):
        ramp = torch.linspace(0, 1, 16)
        stripes = (torch.arange(16) % 4 < 2).float()
        images = torch.stack(
            [
                stripes.expand(3, 16, 16),
                stripes[:, None].expand(3, 16, 16),
                stripes.roll(1).expand(3, 16, 16),
                torch.stack([ramp.expand(16, 16), torch.zeros(16, 16), torch.zeros(16, 16)]),
            ]
        )
        vectors = Histograms()(images)
        assert torch.allclose(vectors.norm(dim=1), torch.ones(4))
        alike = vectors @ vectors.T
        assert alike[0, 2] > 0.99 > alike[0, 1]
        assert alike[0, 3] < 0.6
        assert Histograms()(images[:, :1]).shape[0] == 4

    def test_intruders_are_found_among_tight_clusters_only(self):
        centres = torch.eye(6)
        groups = [torch.nn.functional.normalize(c + 0.05 * gaussian(8, 6, i), dim=1)
                  for i, c in enumerate(centres)]  # fmt: skip
        others = [torch.cat(groups[:i] + groups[i + 1 :]) for i in range(6)]
        assert intruder(groups, others, 20, 0).mean() == 1
        blur = [torch.nn.functional.normalize(gaussian(8, 6, i), dim=1) for i in range(6)]
        answers = intruder(blur, blur[1:] + blur[:1], 200, 0)
        assert len(answers) == 1200
        assert 0.1 < float(answers.mean()) < 0.4

    def test_forced_choice(self):
        near = torch.nn.functional.normalize(torch.eye(4)[0] + 0.1 * gaussian(10, 4), dim=1)
        wide = torch.nn.functional.normalize(gaussian(30, 4, 2), dim=1)
        assert forced_choice([(near, wide)], 50, 0).mean() > 0.95
        assert 0.35 < float(forced_choice([(wide, wide)], 400, 0).mean()) < 0.65
        assert len(forced_choice([(near[:3], wide)], 50, 0)) == 0


class TestClusters:
    contributions = torch.tensor(
        [[3.0, 1.0, 0.0], [2.0, 0.0, 0.0], [0.0, 1.0, -4.0], [4.0, 0.0, 0.0]]
    )

    def test_prevalence_reliability_and_share(self):
        found = Strategies(self.contributions, torch.tensor([True, False, True, True]))
        assert found.prevalence.tolist() == [0.75, 0.25, 0]
        assert found.reliability.tolist()[:2] == pytest.approx([2 / 3, 1])
        assert found.reliability[2].isnan()
        assert found.importance.tolist() == pytest.approx([2.75 / 4, 1.25 / 4, 0])
        assert found.strategies == 0

    def test_the_plane_keeps_clusters_apart_and_is_the_same_each_time(self):
        points = torch.cat([gaussian(30, 5) * 0.1, gaussian(30, 5, 1) * 0.1 + 3])
        placed = plane(points, perplexity=10)
        assert torch.equal(placed, plane(points, perplexity=10))
        inside = torch.cdist(placed[:30], placed[:30]).max()
        assert torch.cdist(placed[:30], placed[30:]).min() > inside / 3
        assert plane(points[:3]).shape == (3, 2)


class TestSteering:
    def test_the_last_layer_is_linear_and_earlier_ones_are_not(
        self, craft, concepts, layer, early, images
    ):
        steps = [0.0, 0.5, 4.0]
        for cut in (layer, early):
            found = craft.fit(cut, images) if cut is early else concepts
            a, reference = cut.activations(images[:6]), cut.pooled(images)
            atom = found.dictionary.atoms[1]
            values = steer(cut, found.dictionary, a, atom, steps, 2, reference, 1)
            assert values[0]["Logit"].abs().max() < 1e-5
            assert values[2]["Distance"].mean() > values[1]["Distance"].mean()
            # t is relative to the mean length of an activation.
            size = a.norm(dim=2).mean()
            with torch.no_grad():
                moved = cut.logits(a + 0.5 * size * atom / atom.norm()) - cut.logits(a)
            assert torch.allclose(values[1]["Logit"], moved[:, 2], atol=1e-4)
            if cut is layer:
                assert values[2]["Nonlinearity"].max() < 1e-3
            else:
                assert values[2]["Nonlinearity"].mean() > 0.01

    def test_what_leaves_the_data_gets_farther(self, concepts, layer, images):
        a, reference = layer.activations(images[:6]), layer.pooled(images)
        direction = a.mean((0, 1))  # more of the same: the direction hardly changes, the norm does
        steps = [0.5, 2.0, 8.0, 64.0]
        values = steer(layer, concepts.dictionary, a, direction, steps, 2, reference)
        distance, angle = (
            torch.stack([v[name].mean() for v in values]) for name in ("Distance", "Angle")
        )
        assert bool((distance.diff() > 0).all())
        assert float(distance[-1] / distance[-2]) == pytest.approx(8, rel=0.2)
        assert float(angle[-1]) < 1.5  # the angle alone sees nothing of it
        # Against the definitions.
        size = a.norm(dim=2).mean()
        moved = (a + 8 * size * direction / direction.norm()).mean(1)
        near, far = (
            torch.cdist(x.double(), reference.double()).sort(1).values[:, 4]
            for x in (a.mean(1), moved)
        )
        assert torch.allclose(values[2]["Distance"].double(), far / near, rtol=1e-4)
        assert torch.allclose(values[2]["Norm"], moved.norm(dim=1) / reference.norm(dim=1).mean())

    def test_a_shuffled_atom_is_alike_in_kind(self):
        atom = torch.tensor([0.0, 3.0, 0.0, 1.0, 2.0, 0.5, 0.0, 0.0])
        found = shuffled(atom, 0)
        assert found.sort().values.tolist() == atom.sort().values.tolist()
        assert torch.equal(found, shuffled(atom, 0))
        assert not torch.equal(found, shuffled(atom, 1))

    def test_the_most_important_concept_loses_most_when_left_out(self, concepts, layer, images):
        chosen = most_important(concepts, images, 2)
        u = concepts.coefficients(images)
        losses = []
        for concept in range(concepts.k):
            without = u.clone()
            without[:, concept] = 0
            with torch.no_grad():
                losses.append(float((concepts.head(u) - concepts.head(without))[:, 2].mean()))
        assert chosen == max(range(concepts.k), key=losses.__getitem__)


def test_the_cascade_breaks_the_last_layers_first(model):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    copies = list(cascade(model, 3))
    assert [share for share, _ in copies] == pytest.approx([1 / 3, 2 / 3, 1])
    first = dict(copies[0][1].net.named_parameters())
    assert not torch.equal(first["head.weight"], before["net.head.weight"])
    assert torch.equal(first["stem.0.weight"], before["net.stem.0.weight"])
    last = dict(copies[2][1].net.named_parameters())
    assert not torch.equal(last["stem.0.weight"], before["net.stem.0.weight"])
    assert all(torch.equal(v, before[n]) for n, v in model.state_dict().items())
