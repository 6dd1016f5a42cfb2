"""Pictures of what networks see: MACO (Fel, Boissin, Boutin et al., NeurIPS 2023)."""
