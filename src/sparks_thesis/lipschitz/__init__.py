"""Explanations of 1-Lipschitz networks (Serrurier et al., NeurIPS 2023)."""
