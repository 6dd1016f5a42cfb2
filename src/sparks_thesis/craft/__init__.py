"""Concepts of a class, where they are, what they count: CRAFT (Fel, Picard et al., CVPR 2023)."""
