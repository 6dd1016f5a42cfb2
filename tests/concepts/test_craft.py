"""CRAFT: crops, activations, importance, maps and recursion."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from sparks.attribution import GradCAM, GradientInput, Occlusion, Saliency, Sobol
from sparks.concepts import NMF, PCA, CraftMaps, GridCrops, Layer, RandomCrops
from sparks.concepts.classes import Classified
from sparks.concepts.steering import steer
from sparks.engine import Baseline
from sparks.errors import SparksError
from sparks.models import Classifier, ViTTiny, seeded
from sparks.sensitivity.designs import SaltelliDesign
from sparks.sensitivity.estimators import indices


class TestCrops:
    def test_random_crops_lie_inside_and_depend_on_the_image_alone(self, images):
        crops = RandomCrops(side=0.5, number=5)(images)
        assert len(crops) == 5 * len(images)
        assert crops.side == 8
        assert (crops.corner >= 0).all()
        assert (crops.corner + crops.side <= 16).all()
        assert len(crops.corner.unique(dim=0)) > 20
        again = RandomCrops(side=0.5, number=5)(images.flip(0))
        assert torch.equal(again.corner[:5], crops.corner[-5:])

    def test_cut_is_a_crop_resized(self, images):
        crops = RandomCrops(side=0.5, number=2)(images)
        cut = crops.cut(images)
        assert cut.shape == (48, 3, 16, 16)
        row, column = crops.corner[7].tolist()
        piece = images[3:4, :, row : row + 8, column : column + 8]
        assert torch.allclose(cut[7:8], functional.interpolate(piece, (16, 16), mode="bilinear"))
        assert torch.equal(crops[torch.tensor([7])].cut(images), cut[7:8])

    def test_grid_covers_every_pixel(self, images):
        crops = GridCrops(side=0.4, stride=0.8)(images[:2])
        seen = torch.zeros(2, 16, 16)
        for sample_index, (row, column) in zip(crops.sample_index, crops.corner, strict=True):
            seen[sample_index, row : row + crops.side, column : column + crops.side] += 1
        assert seen.min() >= 1

    def test_the_whole_image_is_a_crop(self, images):
        assert torch.equal(GridCrops(side=1.0)(images).cut(images), images)

    def test_refused(self, images):
        with pytest.raises(SparksError, match=r"side of 1.5 images"):
            RandomCrops(side=1.5)(images)


class TestLayer:
    def test_g_then_h_is_the_model(self, model, layer, early, images):
        with torch.no_grad():
            expected = model(images)
        for cut in (layer, early):
            a = cut.activations(images)
            assert a.shape == (24, cut.map_size[0] * cut.map_size[1], cut.channels)
            assert torch.allclose(cut.logits(a), expected, atol=1e-5)
            assert torch.allclose(cut.pooled(images), a.mean(1), atol=1e-6)

    def test_tokens_and_vectors(self, model, images):
        with seeded(0):
            vit = Classifier(ViTTiny(3, 4, 16, dim=8, depth=1)).eval()
        tokens = Layer(vit, "blocks", images[:1])
        assert tokens.map_size == (8, 8)
        with torch.no_grad():
            assert torch.allclose(tokens.logits(tokens.activations(images)), vit(images), atol=1e-5)
        vectors = Layer(model, "flatten", images[:1])
        assert vectors.activations(images).shape == (24, 1, 12)
        assert vectors.map_size is None

    def test_predicted(self):
        given = Classified(None, torch.tensor([0, 1, 0, 0]))
        assert given.of(0).tolist() == [0, 2, 3]
        assert given.of(0, 2).tolist() == [0, 2]


class TestConcepts:
    def test_dictionary_is_of_pooled_crops(self, craft, concepts, layer, images):
        pooled = layer.pooled(concepts.crops.cut(images))
        assert torch.allclose(craft.dictionary.fit(pooled).atoms, concepts.dictionary.atoms)
        assert torch.allclose(concepts.codes, concepts.dictionary.encode(pooled))

    def test_coefficients_reconstruct_at_every_place(self, concepts, layer, images):
        u = concepts.coefficients(images)
        assert u.shape == (24, 4, 64)
        assert concepts.maps(images).shape == (24, 4, 8, 8)
        with torch.no_grad():
            seen = concepts.head(u)
        a = (u.mT @ concepts.dictionary.atoms).mT.reshape(24, 12, 8, 8)
        with torch.no_grad():
            assert torch.allclose(seen, layer.h(a), atol=1e-5)

    def test_top_crops_are_of_different_images_in_order(self, concepts):
        top = concepts.top(1, 5)
        assert len(top) == len(top.sample_index.unique()) == 5
        best = concepts.codes[:, 1].argmax()
        assert torch.equal(top.corner[0], concepts.crops.corner[best])

    def test_importance_is_the_total_index_of_masked_concepts(self, craft, concepts, images):
        x = images[:3]
        found = replace(craft, importance=Sobol(points=16)).rank(concepts, x, 2)
        masks = SaltelliDesign.sample(16, 4).rows()
        u = concepts.coefficients(x)
        with torch.no_grad():
            scores = torch.stack([concepts.head(one * masks[:, :, None])[:, 2] for one in u])
        assert torch.allclose(found, indices(scores, 16).float(), atol=1e-4)

    @pytest.mark.parametrize("dictionary", [NMF(concepts=3), PCA(concepts=3)])
    @pytest.mark.parametrize("place", ["stages.1", "stages.0", "flatten", "tokens"])
    def test_importance_from_sums_of_terms_is_that_of_the_whole_head(
        self, craft, model, images, dictionary, place, monkeypatch
    ):
        if place == "tokens":
            with seeded(0):
                model = Classifier(ViTTiny(3, 4, 16, dim=8, depth=2)).eval()
            place, dictionary = "blocks.0", PCA(concepts=3)
        layer = Layer(model, place, images[:1])
        monkeypatch.setattr("sparks.concepts.layer.TERMS", 2 * 3 * layer.places * layer.channels)
        method = replace(craft, dictionary=dictionary)
        concepts = method.fit(layer, images)
        u, classes = concepts.coefficients(images[:5]), torch.full((5,), 2)
        expected = method.importance(concepts.head, u, classes)
        found = method.rank(concepts, images[:5], 2)
        assert expected.std() > 0.01
        assert torch.allclose(found, expected, atol=1e-4)

    def test_importance_with_a_baseline(self, craft, concepts, images):
        half = replace(craft, importance=Sobol(perturbation=Baseline(0.5)))
        u, classes = concepts.coefficients(images[:2]), torch.full((2,), 2)
        expected = half.importance(concepts.head, u, classes)
        assert torch.equal(half.rank(concepts, images[:2], 2), expected)
        assert not torch.allclose(expected, craft.rank(concepts, images[:2], 2), atol=1e-3)

    def test_published_design_is_another_choice(self, craft, concepts, images):
        halton = replace(craft, importance=Sobol(sequence="halton", scramble=False))
        assert not torch.allclose(
            halton.rank(concepts, images[:3], 2), craft.rank(concepts, images[:3], 2)
        )

    def test_a_concept_without_influence_has_no_importance(self, craft, concepts, images):
        u = concepts.coefficients(images[:3])
        u[:, 1] = 0
        zero = torch.full((3,), 2)
        assert (craft.importance(concepts.head, u, zero)[:, 1] == 0).all()


class TestRefused:
    @pytest.mark.parametrize("crops", [RandomCrops(), GridCrops()])
    def test_a_class_without_images(self, craft, concepts, layer, images, crops):
        with pytest.raises(SparksError, match=r"no images to cut crops from.*another class"):
            replace(craft, crops=crops).fit(layer, images[:0])
        with pytest.raises(SparksError, match="no images to rank concepts for"):
            craft.rank(concepts, images[:0], 2)

    def test_classes_and_concepts_that_do_not_exist(self, craft, concepts, layer, images):
        for target in (4, -1):
            with pytest.raises(SparksError, match=f"no class {target}: choose 0 … 3"):
                craft.rank(concepts, images[:2], target)
        with pytest.raises(SparksError, match="no concept 4: choose 0 … 3"):
            concepts.top(4, 2)
        with pytest.raises(SparksError, match="no concept 4"):
            craft.refine(concepts, 4, layer, images)

    def test_an_image_with_nan_is_named(self, craft, concepts, layer, images):
        broken = images.clone()
        broken[2, 0, 3, 3] = torch.nan
        with pytest.raises(SparksError, match=r"'stages.1' gives NaN.* image 2"):
            craft.rank(concepts, broken, 2)
        with pytest.raises(SparksError, match="holds NaN"):
            craft.fit(layer, broken)

    def test_too_few_crops(self, craft, concepts, layer, images):
        with pytest.raises(SparksError, match="4 concepts of 3 activations"):
            replace(craft, crops=RandomCrops(number=1)).fit(layer, images[:3])
        with pytest.raises(SparksError, match="3 concepts of 1 activations"):
            replace(craft, quantile=1.0).refine(concepts, 0, layer, images)

    def test_settings(self, craft, images):
        with pytest.raises(SparksError, match="0 crops of each image"):
            RandomCrops(number=0)
        with pytest.raises(SparksError, match="stride of 0 crops"):
            GridCrops(stride=0)
        with pytest.raises(SparksError, match="quantile 2 of crops"):
            replace(craft, quantile=2)
        with pytest.raises(SparksError, match="needs a layer for each level"):
            craft.tree([], images)

    def test_steering_out_of_the_layer(self, concepts, layer, images):
        a, reference = layer.activations(images[:2]), layer.pooled(images)
        atom, dictionary = concepts.dictionary.atoms[0], concepts.dictionary
        with pytest.raises(SparksError, match="no class 7"):
            steer(layer, dictionary, a, atom, [1.0], 7, reference)
        with pytest.raises(SparksError, match=r"direction of shape \(5,\)"):
            steer(layer, dictionary, a, atom[:5], [1.0], 0, reference)
        with pytest.raises(SparksError, match="0 real activations"):
            steer(layer, dictionary, a, atom, [1.0], 0, reference[:0])


class TestMaps:
    @pytest.mark.parametrize("pool", [True, False])
    def test_any_attribution_method_explains_a_concept(self, concepts, images, pool):
        scores = concepts.scores(pool)
        which = torch.tensor([0, 1, 2])
        for method in (Saliency(), GradientInput(), Occlusion(grid=4), GradCAM("activation")):
            maps = method(scores, images[:3], which)
            assert maps.shape == (3, 16, 16)
            assert torch.isfinite(maps).all()
            assert maps.abs().sum() > 0

    def test_derivative_of_coefficients_by_pixels(self, concepts, images):
        """Against central differences along random directions, through NNLS and through g."""
        scores = concepts.scores(pool=True).double()
        generator = torch.Generator().manual_seed(1)
        x = images[:4].double().requires_grad_()
        value = scores(x)[:, 0]
        assert (value > 0).any()
        (slope,) = torch.autograd.grad(value.sum(), x)
        step = 1e-6 * torch.randn(x.shape, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            finite = (scores(x + step) - scores(x - step))[:, 0] / 2
        concepts.layer.g.float(), concepts.layer.h.float()
        assert torch.allclose((slope * step).flatten(1).sum(1), finite, rtol=1e-3, atol=1e-10)


class TestRecursion:
    def test_sub_concepts_are_of_the_top_decile(self, craft, concepts, early, images):
        finer = craft.refine(concepts, 2, early, images)
        chosen = concepts.codes[:, 2] >= concepts.codes[:, 2].quantile(0.9)
        assert len(finer.crops) == int(chosen.sum())
        assert torch.equal(finer.crops.corner, concepts.crops.corner[chosen])
        assert finer.layer is early
        assert finer.k == 3

    def test_tree_of_three_levels(self, craft, model, layer, early, images):
        stem = Layer(model, "stem", images[:1])
        small = replace(craft, dictionary=replace(craft.dictionary, concepts=2), quantile=0.5)
        tree = small.tree([layer, early, stem], images, width=1)
        levels = list(tree.walk())
        assert [len(path) for path, _ in levels] == [0, 1, 2]
        assert [c.layer.name for _, c in levels] == ["stages.1", "stages.0", "stem"]
        assert [c.k for _, c in levels] == [2, 3, 3]
        full = small.tree([layer, early], images)
        assert sorted(full.children) == [0, 1]


class TestOneMap:
    def test_the_map_of_a_class_is_its_concepts_by_importance(self, craft, model, images):
        target = torch.tensor([1, 3]).repeat(12)
        maps = CraftMaps(layer="stages.1", craft=craft)(model, images, target)
        assert maps.shape == (24, 16, 16)
        own = images[1::2]  # explained as class 3: concepts are theirs alone
        concepts = craft.fit(Layer(model, "stages.1", own[:1]), own)
        importance = craft.rank(concepts, own, 3).mean(0)
        expected = torch.zeros(12, 8, 8)
        for share, u in zip(importance, concepts.maps(own).unbind(1), strict=True):
            expected += share.clamp(min=0) * u / u.max()
        sized = functional.interpolate(expected[:, None], (16, 16), mode="bilinear")[:, 0]
        assert torch.allclose(maps[1::2], sized, atol=1e-6)

    def test_a_layer_without_places_is_refused(self, craft, model, images):
        with pytest.raises(SparksError, match="form no grid"):
            CraftMaps(layer="flatten", craft=craft)(model, images, torch.zeros(24).long())
