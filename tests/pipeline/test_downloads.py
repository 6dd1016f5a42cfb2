"""What is fetched and what one must bring, for the chosen experiments only."""

from composed import composed

from sparks_thesis.pipeline import downloads


def test_public_sets_and_published_weights_are_fetched():
    notes = downloads.notes(composed("scale=paper"))
    assert "results/downloads/cifar10.json" in notes
    assert "results/downloads/weights/resnet50.json" in notes
    assert "results/downloads/weights/resnet18.json" in notes  # judges the pictures of others
    assert "results/downloads/imagenet.json" not in notes  # its licence forbids it
    assert not any("vit_tiny" in note for note in notes)  # trained here
    assert len(notes) == len(set(notes))


def test_what_one_must_bring_is_named_with_its_place_and_its_source():
    lines = downloads.to_bring(composed("scale=paper"))
    [imagenet] = [line for line in lines if line.startswith("data/imagenet: ImageNet (")]
    assert "three archives" in imagenet
    assert any(line.startswith("data/aclImdb: IMDB") for line in lines)
    assert any(line.startswith("data/celeba: ") for line in lines)
    assert not any("cifar" in line for line in lines)


def test_what_is_made_here_needs_nothing():
    smoke = composed("scale=smoke")
    assert downloads.notes(smoke) == []
    assert downloads.to_bring(smoke) == []


def test_the_default_run_can_fetch_what_it_does_without():
    laptop = composed()
    assert downloads.notes(laptop) == ["results/downloads/imagenette.json"]
    assert downloads.to_bring(laptop) == []
