"""The page of all rules is made from the workflow's files."""

import re

from sparks_thesis.overview import rules_page
from sparks_thesis.pipeline import paths
from sparks_thesis.pipeline.paths import ROOT

OF_SNAKEMAKE_ALONE = {"all", "figures", "tables", "download", "study_results"}  # no script


def rows():
    lines = [line for line in rules_page.PAGE.read_text().splitlines() if line.startswith("| `")]
    return {line.split("`")[1]: line[2:-2].split(" | ") for line in lines}


def test_the_page_in_git_is_the_one_made_now():
    assert rules_page.page() == rules_page.PAGE.read_text(), "make docs"


def test_every_rule_has_a_line_that_says_what_it_does():
    files = [*(ROOT / "workflow/rules").glob("*.smk"), ROOT / "workflow/Snakefile"]
    named = {
        name
        for file in files
        for line in file.read_text().splitlines()
        if (name := (re.findall(r"^ *(?:use rule job as|rule) (\w+)", line) or [""])[0])
    }
    assert set(rows()) == named - {"job"}
    assert all(does for _, does, *_ in rows().values())
    scripts = {file.stem for file in (ROOT / "scripts").glob("*.py")}
    assert set(rows()) - OF_SNAKEMAKE_ALONE <= scripts


def test_paths_are_those_that_scripts_read_and_write():
    _, _, reads, writes, asked = rows()["attribute"]
    assert reads == f"images: `{paths.EXPLAINED}`<br>weights: `{paths.WEIGHTS}`"
    assert writes == f"maps: `{paths.MAPS}`<br>cost: `{paths.COST}`"
    assert asked == "3 GB, 240 min, a GPU if there is one"
    listed = [cell for row in rows().values() for cell in row]
    assert not any("by the configuration" in cell for cell in listed)
