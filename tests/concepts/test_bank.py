"""Concepts as an artifact: what is read is what was fitted, to the last bit."""

import sys
from dataclasses import dataclass, fields

import pandas as pd
import pytest
import torch
from torch import Tensor

from sparks.concepts import (
    NMF,
    Banks,
    ConceptBank,
    Extractor,
    Layer,
    RandomCrops,
    SemiNMF,
)
from sparks.concepts.banks import StoredConcepts
from sparks.concepts.classes import Classified
from sparks.concepts.dictionary import Dictionary, Fit, Method
from sparks.data import ImageSet
from sparks.errors import SparksError
from sparks.io import load_tensors, save_tensors, tensor_provenance

from .conftest import every_dictionary

K = 3
EVERY = every_dictionary(K, iterations=20)
every_kind = pytest.mark.parametrize(
    "method", EVERY, ids=lambda m: type(m).__name__ + getattr(m, "kind", "")
)


def extractor(method=EVERY[0], **settings):
    return Extractor(dictionary=method, crops=RandomCrops(number=6), **settings)


@pytest.fixture(scope="module")
def train(images):
    """The images, of which the model takes 13 for class 0, ten for 2 and one for 5."""
    predicted = torch.tensor([0] * 13 + [2] * 10 + [5])
    data = ImageSet(predicted, tuple("abcdef"), (255 * images).round().to(torch.uint8))
    return Classified(data, predicted)


def assert_same(one, other):
    assert type(one) is type(other)
    for each in fields(one):
        before, after = getattr(one, each.name), getattr(other, each.name)
        if isinstance(before, Tensor):
            assert torch.equal(before, after), each.name
            assert before.dtype == after.dtype
        else:
            assert before == after, each.name


@every_kind
def test_a_bank_that_is_read_gives_the_codes_of_the_one_that_was_saved(
    method, layer, images, tmp_path
):
    bank = extractor(method).fit(layer, images, 3, torch.arange(24) * 2)
    bank.save(tmp_path / "3.safetensors", {"seed": 7})
    read = ConceptBank.load(tmp_path / "3.safetensors")
    assert (read.target, read.layer, read.signed) == (3, "stages.1", False)
    assert_same(bank.dictionary, read.dictionary)
    assert_same(bank.crops, read.crops)
    assert torch.equal(read.index, torch.arange(24) * 2)
    assert torch.equal(read.codes, bank.codes)
    before, after = (b.at(layer).coefficients(images) for b in (bank, read))
    assert torch.equal(before, after)
    # A matrix in columns gives other last bits than one in rows.
    assert read.dictionary.atoms.stride() == bank.dictionary.atoms.stride()
    heads = [b.at(layer).head(before) for b in (bank, read)]
    assert torch.equal(*heads)
    assert read.digest() == bank.digest()
    assert tensor_provenance(tmp_path / "3.safetensors")["seed"] == 7


@every_kind
def test_concepts_in_another_order_have_the_codes_in_that_order(method, layer, images):
    dictionary = extractor(method).fit(layer, images, 0).dictionary
    order = torch.tensor([2, 0, 1])
    a = layer.activations(images)
    expected = dictionary.encode(a)[..., order]
    found = dictionary.reordered(order)
    assert torch.allclose(found.encode(a), expected, atol=1e-4)
    assert torch.allclose(
        found.decode(expected), dictionary.decode(dictionary.encode(a)), atol=1e-4
    )


def test_the_digest_is_of_what_the_bank_holds(layer, images, tmp_path):
    first, again, other = (
        extractor(NMF(concepts=k)).fit(layer, images, 0).digest() for k in (3, 3, 2)
    )
    assert first == again != other


@dataclass(frozen=True, eq=False)
class Mine(Dictionary):
    """A dictionary of the user's."""

    scale: float

    def _codes(self, a: Tensor) -> Tensor:
        return self.scale * a @ self.atoms.T


@dataclass(frozen=True, kw_only=True)
class Own(Method):
    """Its method."""

    def fit(self, a: Tensor) -> Dictionary:
        fit = Fit("Own", self.seed, 0, True, "none", float("nan"))
        return Mine(a[: self.concepts].clone(), torch.zeros(a.shape[1]), fit, 0.1 + 0.2)


def test_a_dictionary_of_the_users_is_stored_too(layer, images, tmp_path):
    bank = extractor(Own(concepts=2)).fit(layer, images, 0)
    bank.save(tmp_path / "0.safetensors")
    read = ConceptBank.load(tmp_path / "0.safetensors")
    assert isinstance(read.dictionary, Mine)
    assert read.dictionary.scale == 0.1 + 0.2
    a = layer.activations(images)
    assert torch.equal(read.dictionary.encode(a), bank.dictionary.encode(a))


def test_a_file_names_no_module_to_import(layer, images, tmp_path):
    path = tmp_path / "0.safetensors"
    extractor().fit(layer, images, 0).save(path)
    made = tensor_provenance(path)
    made["concepts"]["kind"] = "antigravity.Dictionary"
    save_tensors(path, load_tensors(path), made)
    with pytest.raises(SparksError, match=r"no dictionary antigravity\.Dictionary: import"):
        ConceptBank.load(path)
    assert "antigravity" not in sys.modules


def test_other_files_and_other_layers_are_refused(layer, early, images, tmp_path):
    save_tensors(tmp_path / "maps.safetensors", {"maps": torch.zeros(2)})
    with pytest.raises(SparksError, match="holds no concepts"):
        ConceptBank.load(tmp_path / "maps.safetensors")
    with pytest.raises(SparksError, match=r"found at layer 'stages\.1' with 12 channels"):
        extractor().fit(layer, images, 0).at(early)


def test_banks_on_disk_are_those_of_all_classes(layer, train, tmp_path):
    made = list(extractor(images=8).fit_classes(layer, train))
    table = Banks.write(tmp_path / "stages.1", made)
    banks = Banks.beside(tmp_path / "stages.1.parquet")
    assert banks.classes == [0, 2, 5]
    assert table["target"].tolist() == [0, 2, 5]
    assert table["images"].tolist() == [8, 8, 1]
    assert table["digest"].tolist() == [bank.digest() for bank in banks]
    assert table["method"].unique().tolist() == ["NMF"]
    assert banks.load(2).index.tolist() == list(range(13, 21))
    with pytest.raises(SparksError, match="no concepts of class 1"):
        banks.load(1)


def test_shards_have_the_banks_of_one_job(layer, train, tmp_path):
    fitter = extractor()
    whole = Banks.write(tmp_path / "whole", fitter.fit_classes(layer, train))
    parts = [slice(0, 2), slice(2, 4)]
    each = [
        Banks.write(tmp_path / str(i), fitter.fit_classes(layer, train, part=part))
        for i, part in enumerate(parts)
    ]
    assert pd.concat(each, ignore_index=True).equals(whole)


def test_a_class_with_few_crops_has_fewer_concepts(layer, images):
    few = Extractor(dictionary=NMF(concepts=5), crops=RandomCrops(number=2))
    assert few.fit(layer, images[:2], 0).k == 4
    assert few.fit(layer, images[:3], 0).k == 5


def test_layers_with_activations_below_zero_have_the_other_dictionary(model, images, tmp_path):
    before = Layer(model, "stem.1", images[:1])  # a batch norm
    assert float(before.pooled(images).min()) < 0
    with pytest.raises(SparksError, match="NMF needs them non-negative"):
        extractor().fit(before, images, 0)
    bank = extractor(signed=SemiNMF(concepts=2)).fit(before, images, 0)
    assert (bank.signed, bank.dictionary.fit.method, bank.k) == (True, "SemiNMF", 2)
    Banks.write(tmp_path / "stem.1", [bank])
    banks = {"stem.1": Banks(tmp_path / "stem.1")}
    assert StoredConcepts(banks)(before, 0).k == 2
    with pytest.raises(SparksError, match="take the output of a ReLU layer"):
        StoredConcepts(banks, signed=False)(before, 0)


def test_classes_are_as_many_as_have_images_enough_for_all_who_read_them():
    train = torch.tensor([0] * 10 + [1] * 3 + [2] * 10 + [4] * 12 + [6] * 10)
    test = torch.tensor([0, 0, 2, 4, 4, 6, 6])
    chosen = [extractor(most=most).classes(train, test) for most in (1, 2, 3, 4, None)]
    # 1 has too few training images to count, and 2 too few test images.
    assert chosen == [[0], [0, 1, 2, 4], *[[0, 1, 2, 4, 6]] * 3]
    assert extractor(most=2).classes(train) == [0, 1, 2]
