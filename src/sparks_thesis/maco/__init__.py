"""Feature visualisation: MACO (Fel, Boissin, Boutin et al., NeurIPS 2023)."""

# Crops by which a picture is judged as the ascent saw it.
VIEWS = 8
