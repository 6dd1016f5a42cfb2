"""The page docs/results.md says what the tables of finished runs say."""

import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from sparks.errors import SparksError
from sparks.io import save_table
from sparks.results import MetricRecorder
from sparks_thesis.overview import results_page
from sparks_thesis.overview.comments import commented
from sparks_thesis.overview.results_page import CHAPTERS, Run, page, read_runs
from sparks_thesis.pipeline.paths import CONFIG
from sparks_thesis.pipeline.scale import NOTE, note_overrides

CLAIM = {
    "number": 12, "name": "sobol-beats-rise-budget", "statement": "Says this.",
    "scope": "other real data", "verdict": "transfers", "outcome": "holds",
    "effect": 0.5, "low": 0.4, "high": 0.6, "holds": 2,
    "of": 3, "detectable": 0.1, "control": "Random at the bottom in 3 of 3",
}  # fmt: skip


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A folder with a figure, a table and two claims of the chapter on Sobol, one not run."""
    monkeypatch.setattr(results_page, "PICTURES", tmp_path / "pictures")
    (tmp_path / "results/figures").mkdir(parents=True)
    (tmp_path / "results/tables").mkdir()
    (tmp_path / NOTE).write_text("laptop\n")
    Image.new("RGB", (1800, 600), "white").save(tmp_path / "results/figures/fig-sobol-budget.png")
    (tmp_path / "results/figures/fig-sobol-budget.caption.rst").write_text("Curves of\nfidelity.\n")
    (tmp_path / "results/tables/tab-fidelity.md").write_text(
        "| method |\n|---|\n" + "".join(f"| m{n} |\n" for n in range(40)) + "\nA caption.\n"
    )
    rows = [CLAIM, CLAIM | {"number": 13, "statement": "Says that.", "outcome": "not run"}]
    table = pd.DataFrame(rows).to_csv(index=False)
    (tmp_path / "results/tables/tab-claims.csv").write_text(f"# {json.dumps({})}\n{table}")
    place = tmp_path / "results/experiments/sobol.parquet"
    place.parent.mkdir()
    save_table(
        place, MetricRecorder().table(), {"machine": "a machine", "commit": "0123456789abcd"}
    )
    return Run.of(tmp_path)


def test_a_chapter_has_its_figure_table_claims_and_origin(run):
    text = page(list(read_runs([run])))
    assert "Scale `laptop`: a machine, 20" in text
    assert "commit `0123456789`" in text
    assert "![fig-sobol-budget](results/fig-sobol-budget-laptop.png)" in text
    assert "Curves of fidelity." in text
    assert "| m29 |" in text
    assert "… and 10 rows more." in text
    assert "| 12 | Says this. | laptop | other real data | transfers | 2 of 3 |" in text
    assert "| +0.500 [+0.400, +0.600] | 0.100 | Random at the bottom in 3 of 3 |" in text
    assert "Says that." not in text
    assert "| laptop | other real data | 1 |" in text


def test_a_verdict_that_two_runs_of_a_scale_do_not_share_is_inconclusive(run, tmp_path):
    other = tmp_path / "other"
    (other / "results/tables").mkdir(parents=True)
    (other / NOTE).write_text("laptop\n")
    text = run.folder.joinpath("results/tables/tab-claims.csv").read_text()
    changed = text.replace("transfers,holds", "inconclusive,inconclusive")
    assert changed != text
    (other / "results/tables/tab-claims.csv").write_text(text)
    same = page(list(read_runs([run, Run.of(other)])))
    assert "| transfers |" in same
    assert "Of 1 verdicts with several runs at one scale, 0 differ" in same
    (other / "results/tables/tab-claims.csv").write_text(changed)
    text = page(list(read_runs([run, Run.of(other)])))
    listed = f"transfers in {run.folder}, inconclusive in {other}"
    assert f"| inconclusive ({listed}) |" in text
    assert f"| 12 | Says this. | laptop | other real data | {listed} |" in text
    assert "1 differ from run to run" in text
    assert "Verdicts that turn" not in page(list(read_runs([run])))
    assert "| laptop | other real data | 1 |" in text


def test_bars_in_a_statement_do_not_end_a_cell(run):
    table = run.folder / "results/tables/tab-claims.csv"
    table.write_text(table.read_text().replace("Says this.", "|f(x)| is a radius."))
    assert r"| 12 | \|f(x)\| is a radius. | laptop |" in page(list(read_runs([run])))


def test_chapters_come_from_the_runs_that_made_them_last(run, tmp_path, monkeypatch):
    """A later run of one chapter replaces that chapter at its scale, and nothing else."""
    monkeypatch.setattr(results_page, "PAGE", tmp_path / "page.md")
    results_page.main([str(run.folder)])
    before = results_page.PAGE.read_text()
    other = tmp_path / "other"
    (other / "results/experiments").mkdir(parents=True)
    (other / NOTE).write_text("real\n")
    place = other / "results/experiments/words.parquet"
    save_table(place, MetricRecorder().table(), {"machine": "m", "commit": "ffffffffffffff"})
    monkeypatch.chdir(other)
    results_page.main([str(other)])
    after = results_page.PAGE.read_text()
    assert "commit `ffffffffff`" in after
    note_overrides(["seed=3", "experiment=[words]"], ["words"])
    results_page.main([str(other)])
    assert "commit `ffffffffff`, with `seed=3`." in results_page.PAGE.read_text()
    removed = [line for line in before.splitlines() if line not in after.splitlines()]
    assert not removed
    assert before.count("Not run.") == after.count("Not run.") + 1
    commit = "0123456789abcd"
    text = run.folder.joinpath("results/tables/tab-claims.csv").read_text()
    run.folder.joinpath("results/tables/tab-claims.csv").write_text(text.replace("0.5", "0.7"))
    save_table(
        run.folder / "results/experiments/sobol.parquet",
        MetricRecorder().table(),
        {"machine": "a machine", "commit": commit[::-1]},
    )
    results_page.main([str(run.folder)])
    last = results_page.PAGE.read_text()
    assert "+0.700" in last
    assert "+0.500" not in last
    assert commit[:10] not in last
    assert "commit `ffffffffff`" in last


def test_pictures_are_small_copies(run):
    page(list(read_runs([run])))
    with Image.open(results_page.PICTURES / "fig-sobol-budget-laptop.png") as copy:
        assert copy.size == (900, 300)


def test_what_was_not_run_says_so(run):
    text = page(list(read_runs([run])))
    assert text.count("Not run.") == len(CHAPTERS) - 1


def test_a_folder_without_results_is_refused(tmp_path):
    with pytest.raises(SparksError, match="holds no results"):
        Run.of(Path(tmp_path))


def test_every_chapter_names_items_and_experiments_that_exist():
    for chapter in CHAPTERS:
        for item in filter(None, (chapter.figure, chapter.table)):
            assert (CONFIG / f"item/{item}.yaml").is_file(), item
        assert (CONFIG / f"experiment/{chapter.experiment}.yaml").is_file()


def test_comments_behind_keys_are_read_however_deep(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_text("a: 1  # one\nb:\n  c: [2, 3]  # two\n  d: 4\ne: {f: 5}  # three\n")
    found = [(row.key, row.default, row.meaning) for row in commented(file)]
    assert found == [("a", "1", "one"), ("b.c", "[2, 3]", "two"), ("e", "{f: 5}", "three")]
