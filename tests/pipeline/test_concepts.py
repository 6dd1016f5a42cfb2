"""Which concepts a study reads, and refusals before any job starts."""

import sys

import pytest
from composed import composed

from sparks.errors import SparksError
from sparks_thesis.pipeline import concept_files
from sparks_thesis.pipeline.classes import banks_beside, stored_concepts
from sparks_thesis.pipeline.experiment_checks import check_banks

RUN = {"dataset": "chimera", "model": "convnet", "seed": "0"}
FOLDER = "results/concepts/{}/chimera/convnet/0/{}.parquet"


def tables(config, study, **names):
    return concept_files.concept_tables(config, study, RUN | names)


def test_studies_of_the_same_fit_read_the_same_files():
    config = composed("scale=laptop")
    craft = [FOLDER.format("craft", layer) for layer in ("stem", "stages.0", "stages.1")]
    assert tables(config, "craft") == tables(config, "holistic") == craft
    assert tables(config, "maco") == tables(config, "lens") == craft[-1:]
    biased = tables(config, "lens", dataset="chimera_biased", model="hkr_convnet")
    assert biased == ["results/concepts/craft/chimera_biased/hkr_convnet/0/stages.parquet"]


@pytest.mark.parametrize("scale", ["smoke", "workstation", "paper"])
def test_lens_has_concepts_of_its_own_where_its_settings_differ(scale):
    config = composed(f"scale={scale}")
    assert tables(config, "lens") == [FOLDER.format("lens", "stages.1")]
    assert tables(config, "maco") == [FOLDER.format("craft", "stages.1")]


def test_a_model_without_a_layer_for_concepts_is_refused():
    with pytest.raises(SparksError, match="model 'mlp' has no layer with concepts"):
        tables(composed("scale=laptop"), "craft", model="mlp")


def test_shards_are_as_many_as_the_classes_need():
    config = composed("scale=laptop", "concepts.shard=4")
    names = RUN | {"bank": "craft", "layer": "stages.1"}
    made = concept_files.concept_shards(config, names)["tables"]
    assert len(made) == -(-config.datasets.chimera.num_classes // 4)
    assert made[1] == "results/concepts-shards/craft/chimera/convnet/0/stages.1/1.parquet"
    with pytest.raises(SparksError, match=r"concepts\.shard is null"):
        concept_files.concept_shards(composed("scale=laptop"), names)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("studies.maco.bank=mine", r"studies\.maco\.bank=mine: .*allowed: \['craft', 'lens'\]"),
        ("banks.craft.extractor.most=5", r"studies\.craft\.study\.most=100 .*most=5 are fitted"),
    ],
)
def test_concepts_that_are_not_fitted_are_refused(override, message):
    config = composed("scale=laptop", override)
    with pytest.raises(SparksError, match=message):
        check_banks(config, {"craft": ["chimera"], "maco": ["chimera"]})


OWN = """
from dataclasses import dataclass
import torch
from sparks.concepts.dictionary import Dictionary, Fit, Method

@dataclass(frozen=True, eq=False)
class Half(Dictionary):
    def _codes(self, a):
        return a @ self.atoms.T / 2

@dataclass(frozen=True, kw_only=True)
class Mine(Method):
    def fit(self, a):
        fit = Fit("Mine", self.seed, 0, True, "none", 0.0)
        return Half(a[: self.concepts].clone(), torch.zeros(a.shape[1]), fit)
"""


def test_a_dictionary_of_the_users_is_found_where_their_code_is(tmp_path, monkeypatch):
    import torch
    from torch import nn

    from sparks.concepts import Banks, Extractor, Layer
    from sparks.io import save_table
    from sparks.models import Classifier

    (tmp_path / "own_dictionary.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    from own_dictionary import Mine

    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 196, 2))
    images = torch.rand(4, 3, 16, 16)
    layer = Layer(Classifier(net).eval(), "1", images[:1])
    bank = Extractor(dictionary=Mine(concepts=2)).fit(layer, images, 0)
    table = tmp_path / "1.parquet"
    save_table(table, Banks.write(tmp_path / "1", [bank]))
    del sys.modules["own_dictionary"]
    assert banks_beside(table).load(0).k == 2
    assert stored_concepts([str(table)])(layer, 0).dictionary.fit.method == "Mine"
