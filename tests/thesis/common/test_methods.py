"""One entry a method: a look of its own, and a place in every order."""

from itertools import combinations

from sparks_thesis.common import methods
from sparks_thesis.common.methods import entries, in_order, look, using

from ..conftest import OPTIONS


def option(label, **more):
    return {"label": label, "family": "gradient", **more}


def test_every_method_of_the_configuration_looks_different():
    labels = {file.stem for file in OPTIONS.glob("*.yaml")}
    known = methods._entries.get()
    assert len(labels) > 20
    for one, other in combinations(known, 2):
        assert look(one) != look(other), (one, other)


def test_a_new_method_gets_a_look_and_the_last_place():
    made = entries(
        {
            "mine": option("Mine"),
            "yours": option("Yours"),
            "old": option("Old", colour="#4477AA", marker="x", place=3),
        }
    )
    assert len({(entry["colour"], entry["marker"]) for entry in made.values()}) == 3
    with using(made):
        assert in_order(["Yours", "unknown", "Mine", "Old"]) == ["Old", "Mine", "Yours", "unknown"]
        assert look("Old") == {"color": "#4477AA", "marker": "x"}


def test_options_of_one_label_share_an_entry():
    made = entries({"a": option("EVA"), "b": option("EVA", colour="#000000", marker="o", place=1)})
    assert list(made) == ["EVA"]
    assert made["EVA"]["colour"] == "#000000"


def test_a_label_without_an_entry_always_looks_the_same():
    assert look("never seen") == look("never seen")
    assert set(look("never seen")) == {"color", "marker"}
