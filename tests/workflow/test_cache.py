"""A second checkout takes trained weights and maps from a cache that both name."""

import pytest

pytestmark = pytest.mark.nightly

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
    output = second.snakemake(MAPS, *RUN).stdout
    for name in (MAPS, WEIGHTS, HISTORY):
        assert f"Symlinking output file {name} from cache" in output
        assert (second.folder / name).is_symlink()
        assert (second.folder / name).read_bytes() == (first.folder / name).read_bytes()
    # What a job prints is in its log: here it never ran.
    log = "logs/train/digits/convnet/0.log"
    assert (first.folder / log).stat().st_size > 0
    assert (second.folder / log).stat().st_size == 0


def test_another_setting_or_another_code_is_not_taken_from_the_cache(checkouts):
    _, second = checkouts
    more = (*RUN[:-2], "overrides=[training.epochs=1,training.lr=0.02]", "--cache")
    assert second.planned(WEIGHTS, *more[2:])["train"] == 1
    second.snakemake(WEIGHTS, *more)
    assert (second.folder / "logs/train/digits/convnet/0.log").stat().st_size > 0
