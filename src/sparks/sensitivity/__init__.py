"""Global sensitivity analysis: sequences, the replicated design, Sobol' indices, test functions.

n  points of a design      d  features      A, B  two independent samples, (n, d) each
C⁽ⁱ⁾  A with column i from B: n (d + 2) evaluations in all
"""
