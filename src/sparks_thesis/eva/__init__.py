"""Explanations by verified perturbations: EVA (Fel, Ducoffe et al., CVPR 2023)."""
