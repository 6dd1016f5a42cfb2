"""Sparks of Explainability: where models look, what they see, and how to align both with people.

The library follows the thesis of Thomas Fel (arXiv 2502.01048). It knows nothing of Snakemake,
Hydra or of where files live: every function takes models, tensors and plain values.
"""

__version__ = "0.1.0"
