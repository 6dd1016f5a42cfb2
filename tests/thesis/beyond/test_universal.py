"""The study of universal dictionaries on networks that see the same in other coordinates."""

import pytest
import torch
from torch import nn

from sparks.concepts import UniversalSAE
from sparks.concepts.layer import Layer
from sparks.errors import SparksError
from sparks_thesis.beyond.figure_universal import Universal
from sparks_thesis.beyond.universal import UniversalStudy

DICTIONARY = UniversalSAE(concepts=6, active=2, epochs=150, batch_size=64)


def layer(seed, side=4):
    """A network whose activations are the image's channels, turned by a rotation of its own."""
    torch.manual_seed(seed)
    turn = nn.Conv2d(6, 6, 1, bias=False)
    turn.weight.data = torch.linalg.qr(torch.randn(6, 6))[0][:, :, None, None]
    net = nn.Sequential(turn, nn.Flatten(), nn.Linear(6 * side**2, 2)).eval()
    return Layer(net, "0", torch.rand(1, 6, side, side))


def images(n, seed):
    """At each place two of six channels, of random sizes."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(n, 6, 4, 4, generator=generator)
    return (0.5 + values) * (values >= values.topk(2, dim=1).values[:, -1:])


@pytest.fixture(scope="module")
def table():
    study = UniversalStudy(dictionary=DICTIONARY, images=200, places=4)
    known = {"itself": layer(0), "turned, seed 1": layer(1)}
    recorder = study.run(known, layer(2), images(200, 0), images(100, 1))
    return recorder.table(dataset="made", model="turned", seed=0)


def mean(table, metric, method):
    return table[(table["metric"] == metric) & (table["method"] == method)]["value"].mean()


def test_what_networks_have_in_common_is_found_between_controls_and_references(table):
    assert mean(table, "R2Across", "linear regression") == pytest.approx(1, abs=1e-6)
    assert mean(table, "R2Across", "universal") > 0.6
    assert mean(table, "R2Within", "a dictionary each") > 0.6
    assert mean(table, "R2Across", "shuffled images") < 0.4
    entropy = table[(table["metric"] == "FiringEntropy") & (table["method"] == "universal")]
    assert entropy["value"].median() > 0.95


def test_the_figure_says_what_was_measured(table):
    drawn = Universal()(table)
    assert "dictionary of 6 concepts" in drawn.caption
    assert "activations of turned, seed 0, and of turned, seed 1)" in drawn.caption
    within, across = (mean(table, f"R2{where}", "universal") for where in ("Within", "Across"))
    assert f"{within:.2f}" in drawn.caption
    assert f"{across:.2f}" in drawn.caption
    points = [line.get_xdata()[0] for line in drawn.figure.axes[1].get_lines()]
    assert any(point == pytest.approx(across) for point in points)


def test_rows_name_the_network_whose_activations_are_explained(table):
    across = table[(table["metric"] == "R2Across") & (table["method"] == "universal")]
    assert across["evaluator"].tolist() == ["turned, seed 1", "itself"]
    fresh = table[(table["metric"] == "R2Within") & (table["method"] == "untrained network")]
    assert fresh["evaluator"].tolist() == ["itself", "untrained"]


@pytest.mark.parametrize("layers", [[layer(0)], [layer(0), layer(1, side=5)]])
def test_networks_that_share_no_places_are_refused(layers):
    known = dict(enumerate(layers))
    with pytest.raises(SparksError, match="same places"):
        UniversalStudy(dictionary=DICTIONARY).run(known, layer(2), images(9, 0), images(9, 1))
