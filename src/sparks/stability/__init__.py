"""Algorithmic stability: do networks retrained on other folds explain alike?

`folds` splits the data and degrades predictors, `distances` compares two maps, `compare` streams
explained images into tables of distances, `scores` turns these into MeGe and ReCo, and `moves`
asks what the distances themselves measure.

    Fel, Vigouroux, Cadene, Serre: How Good is your Explanation? WACV 2022.
"""
