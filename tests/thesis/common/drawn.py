"""What a figure says."""

from matplotlib.text import Text


def texts(figure):
    """Return all texts of a figure."""
    return {t.get_text() for t in figure.findobj(Text)}
