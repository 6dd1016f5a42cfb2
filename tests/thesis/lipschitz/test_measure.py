"""What the study measures, on maps and networks whose answer is known."""

import torch
from sklearn.svm import SVC

from sparks_thesis.lipschitz.measure import followed, geometry, map_distances, null_shares


def test_null_shares_count_the_highest_pixels():
    maps = torch.arange(20.0).view(1, 4, 5)
    null = torch.zeros(1, 4, 5, dtype=torch.bool)
    null[0, 3] = True  # the five highest
    shares = null_shares(-maps, null, [5, 25, 50, 100])
    assert [float(s) for s in shares.values()] == [1.0, 1.0, 0.5, 0.25]
    assert float(null_shares(maps.flip(1), null, [25])[25]) == 0.0


def test_distances_of_maps_ignore_what_they_say_they_ignore():
    one = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(0))
    found = map_distances(one, 2 * one)
    torch.testing.assert_close(found["l2"], one.flatten(1).double().norm(dim=1))
    assert float(found["l2, scaled"].max()) < 1e-6
    assert float(map_distances(one, one**3)["1 - Spearman"].abs().max()) < 1e-12


def test_a_constant_map_has_no_scale_and_no_order():
    flat, other = (
        torch.ones(1, 8, 8),
        torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)),
    )
    assert map_distances(flat, other)["1 - Spearman"].isnan().all()
    assert map_distances(0 * flat, other)["l2, scaled"].isnan().all()


def test_geometry_of_a_network_keeps_its_order(networks, images):
    model = networks["conv", True]
    values = geometry(
        model, images[:4], model(images[:4]).argmax(1), steps=20, restarts=1, rounds=4
    )
    assert all(v.shape == (4,) for v in values.values())
    assert (values["GradientNorm"] <= values["LargestGradient"] + 1e-12).all()
    assert (values["LargestGradient"] <= values["LipschitzBound"]).all()
    assert (values["CertifiedRadius"] <= values["AttackNorm"]).all()
    assert (values["AttackCosine"].abs() <= 1 + 1e-9).all()


def test_another_classifier_follows_counterfactuals_of_its_own_kind(networks, images, digits):
    model = networks["conv", False]
    train = digits["train"]
    classifier = SVC().fit(train.batch(range(300)).flatten(1).numpy(), train.labels[:300].numpy())
    found, walked = followed(model, classifier, images, model(images).argmax(1), [0.0, 1.0])
    assert walked.shape == (2, 12, 1, 8, 8)
    assert torch.equal(walked[0], images)
    assert not found[0.0]["CounterfactualChanged"].any()
    assert set(found[1.0]) == {
        "CounterfactualAside",
        "CounterfactualChanged",
        "CounterfactualFollowed",
        "CounterfactualLength",
    }
    # A step of no length in a random direction ends where one along the gradient does.
    assert torch.equal(found[0.0]["CounterfactualAside"], found[0.0]["CounterfactualFollowed"])
    length = (walked[1] - images).flatten(1).norm(dim=1).double()
    torch.testing.assert_close(found[1.0]["CounterfactualLength"], length)
    assert float(found[0.0]["CounterfactualLength"].max()) == 0
