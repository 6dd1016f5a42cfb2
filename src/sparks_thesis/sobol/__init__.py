"""Attribution by dependence of scores on masks.

Sobol indices (Fel, Cadène et al., NeurIPS 2021) and HSIC (Novello et al., NeurIPS 2022).
"""
