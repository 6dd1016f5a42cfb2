"""LaTeX of tables, beside a figure, compiles in a minimal document."""

import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from sparks_thesis.common.latex import ROWS, escaped, latex
from sparks_thesis.common.style import save, style

EVERY = "50 % of x_1 & #2 $3 {a} \\ ~ ^ <b> ≥ ≤ − ± × ≠ → ↑ ↓ ∇ ‖ ℓ √ S₌ ² ⁻¹ τ λ ρ Σ µ – “q” … é"
SHORT = pd.DataFrame({"method": ["Sobol", EVERY[:30]], "Deletion ↓": ["0.1", "0.2 [0.1, 0.3]"]})
LONG = pd.DataFrame({"#": map(str, range(ROWS + 20)), "says": [EVERY] * (ROWS + 20)})
DOCUMENT = r"""\documentclass{article}
\usepackage{array,booktabs,graphicx,longtable}
\begin{document}
\input{short}
\input{long}
\begin{figure}\includegraphics[width=\linewidth]{figure}\caption{A figure.}\end{figure}
Tables \ref{tab-short} and \ref{tab-long}.
\end{document}
"""


def test_it_is_ascii_and_keeps_its_words() -> None:
    assert escaped(EVERY).isascii()
    assert "?" not in escaped(EVERY)
    assert escaped("né 50% τ") == r"n\'{e} 50\% $\tau$"
    assert escaped("雪") == "?"


def test_sentences_and_many_rows_are_set_over_pages() -> None:
    assert r"\begin{table}" in latex(SHORT, "c", "l")
    assert r"\begin{longtable}" in latex(LONG, "c", "l")
    assert r"\begin{longtable}" in latex(LONG.head(3), "c", "l")


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_tables_and_a_figure_compile(tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    with style():
        figure = Figure()
        figure.add_subplot().plot([0, 1])
        save(figure, tmp_path / "figure.pdf")
    tmp_path.joinpath("short.tex").write_text(latex(SHORT, EVERY, "tab-short"))
    tmp_path.joinpath("long.tex").write_text(latex(LONG, EVERY, "tab-long"))
    tmp_path.joinpath("document.tex").write_text(DOCUMENT)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "document"]
    for _ in range(2):  # the second run knows the references
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:]
    log = tmp_path.joinpath("document.log").read_text(errors="replace")
    assert "undefined" not in log
    wide = [line for line in log.splitlines() if line.startswith("Overfull \\hbox")]
    assert not wide, wide
