"""Do explanations help to predict the model? Utility (Colin, Fel, Cadene, Serre, NeurIPS 2022).

A *meta-predictor* ψ studies K examples (image, explanation, model's output) and then predicts the
model's output on new images without explanation. With ψ₀ trained alike without explanations,

    Utility-K = P(ψ_K(x) = f(x)) / P(ψ₀(x) = f(x)),   Utility = area under Utility-K over K.

Whether ψ is a person or a learner, its answers are one table, an answer a row (`answers.COLUMNS`):

    participant  who answered; each takes part in one condition of one scenario (between subjects)
    condition    what was shown in training: a method's label, "Baseline" (nothing), or "Control" (a
                 map that ignores the model)
    scenario     data set and model that were to be predicted
    session      1, 2, 3, …: session s comes after K = s × (training images of a session) examples
    trial        number of the question within the session
    answer       class that the participant says the model says
    model        class that the model says
    correct      whether the two are the same (0 or 1)

`answers` checks such a table and counts it, one row a participant and session; `measures` turns
counts into Utility-K and Utility with intervals; `comparisons` has the paper's statistics (one-way
ANOVA and Tukey's test over participants). Participants may be people or simulated; the functions
do not distinguish them.

Examples measure two conditions of two participants each, who answer two sessions of four questions;
`right` counts their right answers in each session:

    >>> import pandas as pd
    >>> from sparks.utility import session_accuracies
    >>> right = {"Ann": (1, 1), "Ben": (3, 3), "Cleo": (2, 4), "Dan": (4, 4)}
    >>> shown = {"Ann": "Baseline", "Ben": "Baseline", "Cleo": "Saliency", "Dan": "Saliency"}
    >>> answers = pd.DataFrame(
    ...     [
    ...         (who, shown[who], "husky", session, trial, int(trial < count), 1)
    ...         for who, counts in right.items()
    ...         for session, count in enumerate(counts, start=1)
    ...         for trial in range(4)
    ...     ],
    ...     columns="participant condition scenario session trial answer model".split(),
    ... )
    >>> answers["correct"] = answers["answer"]  # the model always says 1
    >>> sessions = session_accuracies(answers)

Names are imported on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.utility.answers import session_accuracies
    from sparks.utility.comparisons import Anova, anova, tukey
    from sparks.utility.measures import summary, trapezoid, utility, utility_k
    from sparks.utility.study_size import participants_needed, power

_MODULES = {
    "Anova": "comparisons",
    "anova": "comparisons",
    "participants_needed": "study_size",
    "power": "study_size",
    "session_accuracies": "answers",
    "summary": "measures",
    "trapezoid": "measures",
    "tukey": "comparisons",
    "utility": "measures",
    "utility_k": "measures",
}

__all__ = [
    "Anova",
    "anova",
    "participants_needed",
    "power",
    "session_accuracies",
    "summary",
    "trapezoid",
    "tukey",
    "utility",
    "utility_k",
]


__getattr__ = on_first_use(__name__, _MODULES)
