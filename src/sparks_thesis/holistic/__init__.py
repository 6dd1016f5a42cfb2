"""Concept extraction and importance in one framework (Fel, Boutin et al., NeurIPS 2023)."""
