"""tab-maco: pictures of features by method: like real images, seen by other networks, selective."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import pandas as pd

from sparks.errors import SparksError
from sparks.results import ITSELF, UNITS
from sparks.stats import Bootstrap, Interval, proportion, shown
from sparks_thesis.common.table import Table
from sparks_thesis.maco import SEEN, VIEWS

KEYS = ["dataset", "model"]
NATURAL = "natural images"

# Heading → metric, objective and view of pictures, digits, factor.
COLUMNS = {
    "plausibility ↓": ("Plausibility", "logit", "", 2, 1),
    "plausibility, crops ↓": ("Plausibility", "logit", SEEN, 2, 1),
    "FID ↓": ("FID", "logit", "", 1, 1),
    "FID, crops ↓": ("FID", "logit", SEEN, 1, 1),
    "transferability % ↑": ("Transferability", "logit", "", 0, 100),
    "seen by itself % ↑": ("SeenByItself", "logit", "", 0, 100),
    "crops seen by others % ↑": ("Transferability", "logit", SEEN, 0, 100),
    "crops seen by itself % ↑": ("SeenByItself", "logit", SEEN, 0, 100),
    "own concept most % ↑": ("Selective", "concept", "", 0, 100),
    "own concept most, crops % ↑": ("Selective", "concept", SEEN, 0, 100),
    "machine observer % ↑": ("ObserverAccuracy", "channel", "", 0, 100),
    "spectrum distance ↓": ("SpectrumDistance", "logit", "", 3, 1),
    "power above 0.2": ("HighFrequencyShare", "logit", "", 3, 1),
    "parameters": ("FreeParameters", "", "", 0, 1),
}
SHARES = ("Selective", "ObserverAccuracy")


@dataclass(frozen=True)
class Maco:
    """A row a method, and one for real images.

    Attributes:
        bootstrap: of means, over pictures; its level is that of Wilson's intervals of shares.
    """

    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __call__(self, scores: pd.DataFrame) -> Table:
        """Make the table from an experiment's tidy scores."""
        drawn = scores[scores["metric"].isin([metric for metric, *_ in COLUMNS.values()])]
        if drawn.empty:
            raise SparksError("tab-maco needs pictures of features: run the study maco")
        numbers, texts = [], []
        for names, run in drawn.groupby(KEYS, sort=False):
            order = [m for m in run["method"].unique() if m != NATURAL] + [NATURAL]
            for method in order:
                known = dict(zip(KEYS, map(str, names), strict=True)) | {"method": str(method)}
                text = dict(known)
                rows = run[run["method"] == method]
                for heading, (metric, objective, view, digits, factor) in COLUMNS.items():
                    found = self._interval(rows, metric, objective, view)
                    text[heading] = "–" if found is None else shown(found, digits, factor)
                    if found is not None:
                        of = {"metric": metric, "of": objective, "view": view}
                        numbers.append(known | of | asdict(found))
                texts.append(text)
        caption = _caption(drawn, self.bootstrap.level)
        return Table(pd.DataFrame(numbers), pd.DataFrame(texts), caption)

    def _interval(
        self, rows: pd.DataFrame, metric: str, objective: str, view: str
    ) -> Interval | None:
        name = "Transferability" if metric == "SeenByItself" else metric
        chosen = rows[(rows["metric"] == name) & (rows["objective"] == objective)]
        chosen = chosen[chosen["view"] == view]
        if name == "Transferability":
            itself = chosen["evaluator"] == ITSELF
            chosen = chosen[itself] if metric == "SeenByItself" else chosen[~itself]
        if chosen.empty:
            return None
        # The units are pictures: what several networks say of one is averaged.
        values = chosen.groupby(list(UNITS), dropna=False)["value"].mean()
        if metric in SHARES:
            return proportion(values, self.bootstrap.level)
        return self.bootstrap.mean(values)


def _caption(scores: pd.DataFrame, level: float) -> str:
    of = scores[(scores["metric"] == "Transferability") & (scores["method"] == "MACO")]
    evaluators = [name for name in of["evaluator"].unique() if name != ITSELF]
    pictures = of.groupby(KEYS)["picture"].nunique().max() if len(of) else 0
    concepts = scores[(scores["metric"] == "Selective") & (scores["method"] == "MACO")]
    concepts = concepts.drop_duplicates([*KEYS, "target", "concept"])
    count = concepts.groupby(KEYS).size().max() if len(concepts) else 0
    return (
        f"Feature visualisations by method, {pictures} of class logits a model. Plausibility: "
        "distance to the 5th nearest training image over that of test images, on mean activations "
        "of length one (1: as near as real images are). FID: Fréchet distance of Gaussians fitted "
        "to these activations, to test images; it has no interval, and the row of real images "
        "uses as many images as there are pictures. The activations are those of the first of the "
        "other networks. Transferability: share of pictures that other networks "
        f"({'; '.join(evaluators)}) assign to the intended class; for real images, their accuracy. "
        f"Own concept most: share of {count} pictures of concepts that activate their concept more "
        "than the class's others (each in units of its mean on the crops it was fitted on). "
        f"Networks see whole pictures or, in the rows called crops, {VIEWS} crops of each from the "
        "distribution used during optimisation, by which claims are judged; MACO's crops are a "
        "quarter of the picture, so that its objects are drawn smaller than in images. Rows with "
        "exchanged crops separate the two effects. Controls: uniform noise; pictures of the "
        "logits of an untrained network of the same architecture; crops of training images that "
        "show a concept most, and those of another concept of the class, in place of pictures of "
        "concepts. Machine observer: accuracy in predicting which of two test images "
        "activates a channel more, by comparing histograms of colours and edges with the "
        "channel's picture (chance: 50 %; no person took part). Spectrum distance: of log10 "
        f"radial power from the training images'. Intervals: {level:.0%}, over pictures; "
        "Wilson's for shares of concepts and of the observer. The paper compares on ImageNet "
        "models; the values of its table and its exact definitions were not available."
    )
