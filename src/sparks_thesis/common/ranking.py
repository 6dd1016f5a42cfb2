"""Comparison with the best of several rivals, without the luck of the best."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd


def against_place(
    scores: pd.DataFrame, method: str, rivals: Sequence[str], place: int = 1
) -> tuple[pd.Series, tuple[str, str]]:
    """Compare a method with the rival that holds a place, image by image.

    The best of several equal rivals on some images owes its lead to chance and loses it on others.
    So images are split into two halves, by turns, and the rival of each half is the one that holds
    the place on the other half.

    Args:
        scores: images × methods, higher is better; two images or more.
        method: a column.
        rivals: other columns, at least `place`.
        place: 1 for the best.

    Returns:
        the method's score minus the rival's, of each image, and the rivals of the two halves.
    """
    odd = pd.Series(range(len(scores)), scores.index) % 2 == 1
    holders = [
        str(scores[half][list(rivals)].mean().nlargest(place).index[-1]) for half in (odd, ~odd)
    ]
    even, other = (scores[method] - scores[holder] for holder in holders)
    return even.where(~odd, other), (holders[0], holders[1])
