"""The language experiment of the paper on Sobol indices (Fel, Cadène et al., NeurIPS 2021)."""
