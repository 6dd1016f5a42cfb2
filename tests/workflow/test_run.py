"""The workflow end to end, at scale smoke, from an empty folder; then what a change reruns."""

import csv
import json
import re
import subprocess
import sys

import pytest
from chaos import compare, tables
from composed import composed
from reruns import edited, executed, reruns
from thesis.human_study.simulated_people import answered

from sparks_thesis.human_study import Key
from sparks_thesis.pipeline import dag, forks

SMOKE = ("--cores", "2", "--config", "scale=smoke")


@pytest.fixture(scope="module")
def finished(make_project):
    """A copy of the project in which the smoke run is done."""
    project = make_project("smoke")
    printed = project.snakemake(*SMOKE).stdout
    [log] = (project.folder / ".snakemake/log").glob("*.log")
    project.jobs_run = executed(log.read_text())
    # One line a job on the console, the rest in Snakemake's log.
    starting = r"^[\d:]{8} (\w+)(?: \w+=[\w.,-]+)*(?:: tail -f logs/[\w./-]+\.log)?$"
    started = re.findall(starting, printed, re.MULTILINE)
    assert sorted(started) == sorted(job["rule"] for job in project.jobs_run)
    assert "100% of the work done" in printed
    assert "    input: " not in printed
    return project


def rows(project, table):
    with (project.folder / f"results/tables/{table}.csv").open() as file:
        origin = file.readline()
        assert origin.startswith("# {")
        assert json.loads(origin[2:])["item"] == table
        return list(csv.DictReader(file))


def test_every_item_is_there_in_every_format(finished):
    results = finished.folder / "results"
    items = dag.items(composed("scale=smoke"))
    assert {"fig-gallery", "tab-claims", "fig-eva-gallery", "tab-harmonized"} <= set(items)
    for item in items:
        if item.startswith("tab-"):
            for end in ("csv", "md", "tex", "html", "caption.rst"):
                assert (results / f"tables/{item}.{end}").stat().st_size > 0
        else:
            assert (results / f"figures/{item}.png").read_bytes().startswith(b"\x89PNG")
            assert (results / f"figures/{item}.pdf").read_bytes().startswith(b"%PDF")


def test_tables_cover_the_whole_grid(finished):
    cells = {
        (r["dataset"], r["model"], r["method"], r["metric"]) for r in rows(finished, "tab-fidelity")
    }
    assert {c[0] for c in cells} == {"chimera", "photographs"}
    methods = {c[2] for c in cells if not c[2].startswith("τ")}
    assert {"Saliency", "GradCAM", "Occlusion", "RISE", "Sobol", "Random"} <= methods
    for method in methods:
        assert ("chimera", "convnet", method, "Deletion") in cells
        assert ("chimera", "convnet", method, "PointingGame") in cells
    options = composed("scale=smoke").attributions
    variants = {options[name].label for name in ("rise_published", "sobol_published")}
    of_photographs = ("photographs", "efficientnet_lite0")
    shown = {m for *where, m, metric in cells if (*where, metric) == (*of_photographs, "Deletion")}
    assert methods - shown == variants
    claims = {r["name"]: r["outcome"] for r in rows(finished, "tab-claims")}
    assert set(claims) >= {
        "sobol-beats-rise-budget",
        "sobol-at-least-blackbox",
        "sobol-total-geq-first",
    }


def test_every_job_left_a_log_and_its_cost(finished):
    for folder in ("logs", "benchmarks/results"):
        rules = {path.name for path in (finished.folder / folder).iterdir()}
        assert rules >= {"data", "select_images", "evaluate", "score"}
        assert rules >= {"indices", "words_train", "words", "collect", "figure", "table"}
    # What checkouts may share has no benchmark: its cost is an artifact.
    assert list(finished.folder.glob("logs/train/*/*/*.log"))
    assert list(finished.folder.glob("results/models/*/*/*/time.parquet"))
    assert list(finished.folder.glob("results/attributions/*/*/*/*.cost.parquet"))


def test_no_temporary_file_is_left(finished):
    hidden = (finished.folder / "results").rglob(".*")
    left = [p for p in hidden if p.is_file() and p.name != ".snakemake_timestamp"]  # of folders
    left += list((finished.folder / "results").rglob("*.checkpoint"))
    assert left == []


def test_a_second_run_does_nothing(finished):
    assert "Nothing to be done" in finished.snakemake(*SMOKE).stdout


def test_report_is_one_page_with_every_item_and_no_address(finished):
    finished.snakemake("--report", "report.html", *SMOKE)
    page = (finished.folder / "report.html").read_text()
    for item in ("fig-gallery", "tab-fidelity", "tab-data-models", "tab-claims"):
        assert item in page
    for heading in ("What was run", "On what machine", "How long", "What was found of the papers"):
        assert heading in page
    assert "One colour rule for all" in page  # a caption that came with its figure
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=[\"']https?:", page)


def test_notebooks_run_top_to_bottom(finished):
    """In one kernel, which has imported PyTorch once; each starts without names of the others."""
    import nbformat
    from jupyter_client import KernelManager
    from nbclient import NotebookClient

    folder = finished.folder / "notebooks"
    kernel = KernelManager()
    kernel.start_kernel(cwd=folder)
    try:
        for name in ("where", "align", "what"):
            notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
            notebook.cells.insert(0, nbformat.v4.new_code_cell(f"%reset -f\n%cd {folder}"))
            NotebookClient(notebook, km=kernel, timeout=300).execute()
    finally:
        kernel.shutdown_kernel(now=True)


# 20 methods on one model and 18 on another; concepts are ranked again, by the same methods.
STUDIES = {"budget": 1, "samplers": 1, "walkthrough": 1}
NOT_DATA = {
    **{"train": 9, "train_folds": 2, "words_train": 1, "evaluate": 8, "attribute": 38, "score": 38},
    **{"indices": 1, **STUDIES, "words": 1, "stability": 3, "stability_scores": 1, "eva": 1},
    **{
        "alignment": 2,
        "lipschitz": 2,
        "predict": 2,
        "concepts": 4,
        "craft": 1,
        "craft_pictures": 1,
    },
    **{"holistic": 1, "fronts": 1, "linear": 1, "maco": 1, "lens_atlas": 1, "covering": 1},
    **{"utility_maps": 1, "utility": 1},
}
SOBOL = {
    **{"attribute": 3, "score": 3, "indices": 1, **STUDIES, "holistic": 1, "words": 1},
    **{"collect": 3, "figure": 11, "table": 11, "all": 1},
}
RISE = {
    **{"attribute": 3, "score": 3, "eva": 1, "holistic": 1, "words": 1},
    **{"collect": 4, "figure": 11, "table": 13, "all": 1},
}  # not the study of budgets, which has a grid of its own
POINTING = {"score": 20, "collect": 1, "table": 6, "all": 1}


CHANGES = [
    (["attributions.sobol.method.points=4"], SOBOL),
    (["metrics.localisation.metrics.pointing_game.seed=5"], POINTING),
    (
        ["training.epochs=3"],
        {**NOT_DATA, "population": 1, "collect": 12, "figure": 34, "table": 24, "all": 1},
    ),
    (
        ["+words.changes.sobol.points=4"],
        {"words": 1, "collect": 1, "figure": 1, "table": 3, "all": 1},
    ),
    (["items.tab-fidelity.title=Other"], {"table": 1, "all": 1}),
    (["claims.sobol-beats-rise-budget.check.ratio=0.7"], {"table": 1, "all": 1}),
    (["items.fig-gallery.draw.rows=2"], {"figure": 1, "all": 1}),
    (
        ["studies.functions.repeats=3"],
        {"samplers_analytic": 1, "collect": 1, "figure": 1, "table": 6, "all": 1},
    ),
    (
        ["statistics.level=0.9"],
        {
            **{"craft_pictures": 1, "maco": 1, "lens_atlas": 1, "covering": 1},
            **{"collect": 2, "figure": 20, "table": 22, "all": 1},
        },
    ),
    (
        ["banks.craft.extractor.images=30"],
        {
            **{
                "concepts": 3,
                "craft": 1,
                "craft_pictures": 1,
                "holistic": 1,
                "linear": 1,
                "maco": 1,
            },
            **{"collect": 3, "figure": 14, "table": 9, "all": 1},
        },
    ),
    (
        ["banks.lens.extractor.dictionary.concepts=3"],
        {
            **{"concepts": 1, "lens_atlas": 1, "covering": 1},
            **{"collect": 1, "figure": 1, "table": 2, "all": 1},
        },
    ),
    (["data_dir=elsewhere", "experiments.sobol.title=Other"], {}),
]


CODE = ("\n\n\n@dataclass", "\n\nX = 1\n\n\n@dataclass")
COMMENT = ("\n\n\n@dataclass", "\n\n# Said.\n\n\n@dataclass")
# An edit of Sobol reruns also the first-order indices, and those of words and of concepts; the
# concepts themselves are fitted without it, and so is what only reads them.
SOBOL_EDITED = {
    **{**SOBOL, "attribute": 5, "score": 5, "words": 1, "craft": 1},
    **{"craft_pictures": 1, "utility_maps": 1, "utility": 1},
    **{"collect": 5, "figure": 18, "table": 15},
}
EDITS = [
    (
        {"src/sparks/metrics/pointing.py": CODE},
        {**POINTING, "words": 1, "collect": 2, "figure": 1, "table": 7},
    ),
    ({"src/sparks/attribution/sobol.py": CODE}, SOBOL_EDITED),
    (
        {
            "src/sparks_thesis/common/gallery.py": CODE,
            "src/sparks_thesis/sobol/table_fidelity.py": CODE,
        },
        {"figure": 2, "table": 1, "all": 1},
    ),
    # A study reruns its own job, not the others of its chapter.
    (
        {"src/sparks_thesis/sobol/study_budget.py": CODE},
        {"budget": 1, "collect": 1, "figure": 1, "table": 6, "all": 1},
    ),
    ({"config/attribution/rise.yaml": ("grid: 7", "grid: 6")}, RISE),
]
SAYS_NOTHING = {
    "src/sparks/engine/core.py": COMMENT,
    "src/sparks_thesis/pipeline/grid.py": ("\n\n\ndef", "\n\nX = 1\n\n\ndef"),
    "config/attribution/rise.yaml": ("grid: 7", "grid: 7 # said"),
    "src/sparks_thesis/words/settings.py": ("token numbers to", "numbers to"),
}


def states(project, changes=(), edits=()):
    """Hash configuration and code of each job that made the project.

    Returns:
        The states as it is, then under each change of the configuration, then after each edit.
    """
    asked = {
        "jobs": project.jobs_run,
        "changes": [["scale=smoke", *overrides] for overrides in ((), *changes)],
        "edits": list(edits),
    }
    done = subprocess.run(
        [sys.executable, "tests/workflow/reruns.py"],
        cwd=project.folder,
        env=project.environment(),
        input=json.dumps(asked),
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def hashed(finished):
    return states(finished, [change for change, _ in CHANGES], [edit for edit, _ in EDITS])


@pytest.mark.parametrize(("number", "case"), list(enumerate([*CHANGES, *EDITS], start=1)))
def test_a_change_reruns_what_depends_on_it(finished, hashed, number, case):
    assert reruns(finished.jobs_run, hashed[0], hashed[number]) == case[1], case[0]


def test_an_edit_that_says_nothing_reruns_nothing(finished, hashed):
    with edited(finished.folder, SAYS_NOTHING):
        (now,) = states(finished)
    assert now == hashed[0]


def test_snakemake_plans_what_a_choice_and_an_edit_rerun(finished):
    # Other methods are other jobs, which only Snakemake knows: scores of two methods, and a figure
    # that no metric is in.
    chosen = "overrides=[experiments.sobol.methods=[sobol,random]]"
    with edited(finished.folder, {"src/sparks/metrics/pointing.py": CODE}):
        planned = finished.planned("--config", "scale=smoke", chosen)
    assert planned == {"score": 2, "words": 1, "collect": 2, "figure": 2, "table": 8, "all": 1}


@pytest.mark.nightly
def test_snakemake_plans_what_an_edited_method_reruns(finished):
    with edited(finished.folder, {"src/sparks/attribution/sobol.py": CODE}):
        assert finished.planned("--config", "scale=smoke") == SOBOL_EDITED


@pytest.mark.nightly
def test_a_study_with_people_is_made_and_its_answers_are_read(finished):
    ways = (*SMOKE, "overrides=[study.methods=[saliency],study.control=null]", "--")
    fetched = finished.snakemake(*ways, "study_packages", check=False)
    if fetched.returncode:
        pytest.skip(f"jsPsych cannot be fetched: {fetched.stdout[-300:]}")
    finished.snakemake(*ways, "study")
    results = finished.folder / "results"
    assert "jspsych-8" in (results / "study/page/index.html").read_text()
    nobody = finished.snakemake(*ways, "study_results", check=False)
    assert nobody.returncode
    assert "there is no file of answers in data/study" in nobody.stdout
    key = Key.load(results / "study/key.json")
    answers = finished.folder / "data/study"
    answers.mkdir(parents=True)
    for number, condition in enumerate(["baseline", "saliency"] * 3):
        content = answered(key, f"person {number}".replace(" ", "-"), condition, seed=number)
        (answers / f"{{a file}} {number}.json").write_text(json.dumps(content))
    (answers / "broken.json").write_text("{")
    finished.snakemake(*ways, "study_results")
    assert [
        row["condition"] for row in rows(finished, "tab-study") if row["metric"] == "Utility"
    ] == ["Saliency"]
    assert (results / "figures/fig-study-k.png").stat().st_size > 0
    assert "broken.json,it is not intact JSON" in (results / "study/rejected.csv").read_text()
    for file in ("answers.parquet", "measures.parquet"):
        assert b"person" not in (results / "study" / file).read_bytes()
        assert b"a file" not in (results / "study" / file).read_bytes()
    (answers / "broken.json").unlink()  # another folder: read again
    assert "study_answers" in finished.snakemake("-n", *ways, "study_results").stdout


def test_a_second_run_at_the_same_time_is_refused(finished):
    lock = finished.folder / ".snakemake/run.lock"
    holder = subprocess.Popen(["flock", str(lock), "sleep", "60"])
    try:
        while subprocess.run(["flock", "-n", str(lock), "true"], check=False).returncode == 0:
            pass
        explained = "results/explained/digits.safetensors"
        again = ("--forcerun", "select_images", *SMOKE, "--", explained)
        done = finished.snakemake(*again, check=False)
        assert done.returncode != 0
        assert "another run is at work in this folder" in done.stdout
    finally:
        holder.kill()


def test_refused_before_any_job_starts(finished):
    done = finished.snakemake("--cores", "2", "--config", "scale=smoke", "seed=one", check=False)
    assert done.returncode != 0
    assert "seed='one'" in done.stdout
    assert "jobs to do" not in done.stdout


SCORED = [
    f"results/scores/chimera/convnet/0/{method}.parquet"
    for method in ("saliency", "sobol", "random")
]


@pytest.mark.nightly
def test_killed_twice_and_resumed_gives_the_same_scores(finished, make_project):
    killed = make_project("killed")
    command = ("--cores", "2", *SCORED, "--config", "scale=smoke")
    # In the middle of training, then in the middle of explaining.
    killed.kill_when("results/models/*/*/*/weights.safetensors.checkpoint", *command)
    assert not list(killed.folder.glob("results/models/*/*/*/weights.safetensors"))
    killed.kill_when("results/attributions/*/*/*/*.safetensors", *command)
    killed.snakemake(*command)
    for name in SCORED:
        assert (killed.folder / name).read_bytes() == (finished.folder / name).read_bytes()
    assert list(killed.folder.glob("results/models/*/*/*/*.checkpoint")) == []


@pytest.mark.nightly
def test_jobs_that_are_no_forks_make_the_same_tables(finished, make_project, monkeypatch):
    monkeypatch.setenv(forks.SWITCH, "no")
    project = make_project("no forks")
    project.snakemake(*SMOKE)
    expected = tables(project)
    compare(expected, {name: text for name, text in tables(finished).items() if name in expected})
