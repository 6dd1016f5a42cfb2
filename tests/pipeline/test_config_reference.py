"""docs/configuration.md is what the generator writes, and the generator reads what is there."""

import pytest
import yaml
from composed import composed

from sparks_thesis.overview.config_reference import PAGE, attributes, page
from sparks_thesis.pipeline.paths import CONFIG


@pytest.fixture(scope="module")
def made():
    return page()


def test_the_page_in_git_is_what_the_generator_writes(made):
    assert PAGE.read_text("utf-8") == made, "run `make docs`"


@pytest.mark.parametrize(
    "row",
    [
        "| `shared.rise_masks` | `4000` | integer ≥ 1 | masks of RISE |",
        "| `engine.batch_size` | `auto` | int \\| str |",
        "| `attributions.sobol.method.grid` | `${shared.grid}` | int | cells a side |",
        "| `attributions.gradcam.method` | `sparks.attribution.GradCAM` |",
        "| `studies.eva_optimal.inputs` | `4` | integer ≥ 2 ≤ 6 |",
        "| `training.lr` | `0.003` | float | peak learning rate |",
        "| `points` | `32` | int | N, rows of each block of the design; a power of two |",
    ],
)
def test_a_key_has_its_default_type_range_and_meaning(made, row):
    assert row in made


def test_every_file_and_every_key_of_a_chapter_is_there(made):
    for file in CONFIG.glob("*/*.yaml"):
        names = (f"### {file.parent.name}/{file.stem}\n", f"| {file.stem} |")
        assert any(name in made for name in names), file
    for key in composed("scale=smoke").studies.lipschitz:
        assert f"| `studies.lipschitz.{key}` |" in made


def test_a_hash_in_quotes_is_no_comment(made):
    text = (CONFIG / "attribution/sobol.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["colour"] == "#0072B2"
    assert "0072B2" not in made


def test_entries_of_a_docstring_go_on_over_lines():
    found = attributes("""Do it.

    Args:
        first: one
            and more.
        second: two.

    Returns:
        third: none.
    """)
    assert found == {"first": "one and more.", "second": "two."}


def test_every_setting_of_a_class_has_a_meaning(made):
    rows = made.partition("\n## Classes\n")[2].splitlines()
    assert [row for row in rows if row.endswith("|  |")] == []
