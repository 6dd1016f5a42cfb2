"""The page of a class: where the crops of a concept stand."""

from sparks_thesis.lens.page import ring


def test_crops_of_a_ring_are_those_of_the_sheet_clockwise_from_the_top():
    placed = ring(7)  # a sheet of 5 and 2
    assert [(p["x"], p["y"]) for p in placed] == [
        (0, 0), (25, 0), (50, 0), (75, 0), (100, 0), (0, 100), (25, 100),
    ]  # fmt: skip
    assert {(p["wide"], p["high"]) for p in placed} == {(500, 200)}
    assert (placed[0]["left"], placed[0]["top"]) == (50, 12)
    assert placed[1]["left"] > 50 > placed[6]["left"]
    assert ring(0) == []
    assert ring(1)[0]["x"] == 0
