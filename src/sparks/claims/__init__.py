"""Each published claim as a check on the scores: from a tidy table to a verdict."""
