"""A second checkout takes trained weights and maps from a cache that both name."""

import pytest

pytestmark = pytest.mark.slow

MAPS = "results/attributions/digits/convnet/0/saliency.safetensors"
WEIGHTS = "results/models/digits/convnet/0/weights.safetensors"
HISTORY = "results/models/digits/convnet/0/history.parquet"
RUN = ("--cores", "2", "--config", "scale=smoke", "overrides=[training.epochs=1]", "--cache")


@pytest.fixture(scope="module")
def checkouts(make_project, tmp_path_factory):
    """Two checkouts that share a cache; the first has run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SNAKEMAKE_OUTPUT_CACHE", str(tmp_path_factory.mktemp("cache")))
        first, second = make_project("first"), make_project("second")
        first.snakemake(MAPS, *RUN)
        yield first, second


def test_a_second_checkout_trains_nothing(checkouts):
    first, second = checkouts
    second.snakemake(MAPS, *RUN)
    for name in (MAPS, WEIGHTS, HISTORY):
        assert (second.folder / name).is_symlink()
        assert (second.folder / name).read_bytes() == (first.folder / name).read_bytes()
    # The jobs that were not shared left their logs; those two never ran.
    ran = {path.name for path in (second.folder / "logs").iterdir() if list(path.rglob("*.log"))}
    assert ran == {"data", "select_images"}


def test_another_setting_or_another_code_is_not_taken_from_the_cache(checkouts):
    _, second = checkouts
    more = (*RUN[:-2], "overrides=[training.epochs=1,training.lr=0.02]", "--cache")
    assert second.planned(WEIGHTS, *more[2:])["train"] == 1
    second.snakemake(WEIGHTS, *more)
    assert list((second.folder / "logs/train").rglob("*.log"))
