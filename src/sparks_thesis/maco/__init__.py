"""Feature visualisation: MACO (Fel, Boissin, Boutin et al., NeurIPS 2023)."""
