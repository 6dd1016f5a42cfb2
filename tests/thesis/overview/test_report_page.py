"""The report's first page says what was run, where, how long it took, and what came of it."""

import itertools
import json
import pickle
from pathlib import Path
from types import SimpleNamespace

import docutils.core
import jinja2
import pytest
from composed import composed

from sparks.io import save_table
from sparks.results import MetricRecorder
from sparks_thesis.overview import report_page
from sparks_thesis.pipeline.paths import ROOT
from sparks_thesis.pipeline.resources import machine


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which two jobs ran, on two machines, and one claim of two was judged."""
    import pandas as pd

    monkeypatch.chdir(tmp_path)
    for model, where in (("convnet", "one"), ("mlp", "two")):
        place = Path("results/models/digits") / model / "0" / "evaluation.parquet"
        place.parent.mkdir(parents=True)
        save_table(place, MetricRecorder().table(), {"machine": where})
        save_table(place.with_name("time.parquet"), pd.DataFrame({"value": [60.0]}))
        timed = Path("benchmarks/results") / f"{model}.tsv"
        timed.parent.mkdir(parents=True, exist_ok=True)
        timed.write_text("s\th:m:s\tcpu_time\n90.0\t0:01:30\t150.0\n-\t-\t-\n")
    tables = Path("results/tables")
    tables.mkdir(parents=True)
    tables.joinpath("tab-claims.csv").write_text(
        '# {"made by": "sparks"}\n'
        "number,statement,scope,verdict,outcome\n"
        "4,A *b* c_ d.,other real data,transfers,holds\n"
        "5,E.,paper's data and kind of model,not run,not run\n"
        "6,F.,other real data,assay invalid,assay invalid\n"
    )
    return tmp_path


def test_the_first_page_tells_machine_time_and_verdicts(finished: Path) -> None:
    asked = ["experiment=models", "scale=smoke", "shared.models=[convnet,mlp]"]
    config = composed(*asked, "shared.datasets=[digits]")
    summary = report_page.of(config, asked)
    assert summary["machines"] == "one, two"
    assert summary["time"] == {"jobs": "4", "wall": "3", "cpu": "5", "training": "2"}
    assert [row["number"] for row in summary["claims"]["judged"]] == ["4"]

    snakemake = SimpleNamespace(config={"overview": summary})
    template = jinja2.Template(ROOT.joinpath("workflow/report/workflow.rst").read_text())
    text = template.render(snakemake=snakemake)
    page = docutils.core.publish_string(
        text,
        writer="html5",
        settings_overrides={"halt_level": 2},  # a warning is an error
    ).decode()
    assert "A *b* c_ d. (other real data): <strong>transfers</strong>" in page
    assert "Other real data: 1 transfers, 1 assay invalid; 1 not run." in page
    assert "<strong>Nothing is said</strong> of claims 6 where" in page
    assert "Its numbers mean nothing." in page
    assert "F. (" not in page


def test_a_run_without_claims_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    summary = report_page.of(composed("experiment=models", "scale=smoke"), [])
    assert summary["claims"] == {
        "counts": "None was judged in this run",
        "judged": [],
        "invalid": "",
    }
    assert summary["machines"] == "unknown"


def test_what_only_a_report_reads_is_made_once_and_left_out_of_jobs() -> None:
    numbers = itertools.count(1)
    page = report_page.Deferred(lambda: {"times": next(numbers)})
    assert pickle.loads(pickle.dumps(page)) == json.loads(json.dumps(page)) == {}
    assert jinja2.Template("{{ page.times }} {{ page.times }}").render(page=page) == "1 1"


def test_the_machine_has_a_processor_and_cores() -> None:
    assert machine().split(", ")[1].endswith(" cores")
