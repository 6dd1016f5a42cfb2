"""Pushing activations along a concept, and what becomes of the output."""
