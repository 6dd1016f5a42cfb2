"""Algorithmic stability: MeGe and ReCo (Fel, Vigouroux et al., WACV 2022)."""
