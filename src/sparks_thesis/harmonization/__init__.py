"""Aligning models with people: the harmonizer (Fel, Felipe, Linsley and Serre, NeurIPS 2022)."""
