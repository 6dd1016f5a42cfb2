"""Feature visualisation: MACO (Fel, Boissin, Boutin et al., NeurIPS 2023)."""

# Crops by which a picture is judged as the ascent saw it.
VIEWS = 8
SEEN = "as seen"  # content of the column `view` of pictures that are judged so
