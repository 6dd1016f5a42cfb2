"""Statistics of natural photographs that come with the library: MACO without a data set.

They are the colours and the mean spectrum of the 1,000 photographs of the NIPS 2017 adversarial
competition (CC BY 2.0 each), at 128 pixels. Made by
`python -m sparks.visualization.natural FOLDER`, FOLDER as `sparks.data.Nips2017` reads it.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from sparks.io import load_tensors, save_tensors
from sparks.visualization.spectrum import ImageStatistics, image_statistics

FILE = Path(__file__).with_name("natural.safetensors")
SIDE = 128  # pixels; magnitudes change slowly with frequency, and are resampled for any canvas
SOURCE = (
    "colours, mean spectrum and mean radial power of the 1,000 photographs of the development set "
    "of the NIPS 2017 adversarial competition (arXiv 1804.00097), each CC BY 2.0, at 128 pixels"
)


@cache
def natural_images(side: int = SIDE) -> ImageStatistics:
    """Return the colours and the mean spectrum of 1,000 photographs, for canvases of a size.

    They suit networks of photographs with three channels; for drawings or other data take
    `image_statistics`.

    Args:
        side: height and width of the canvas, pixels.

    Example:
        >>> statistics = natural_images(224)
        >>> statistics.count, statistics.size
        (1000, (224, 224))
    """
    tensors = load_tensors(FILE)
    tensors["magnitude"] = tensors["magnitude"].float()
    return ImageStatistics.of_tensors(tensors).resized((side, side))


def make(folder: str) -> None:
    """Compute the file from the photographs in a folder."""
    from sparks.data.nips2017 import Nips2017

    images = Nips2017(folder, size=SIDE)()["test"]
    parts = [range(i, min(i + 100, len(images))) for i in range(0, len(images), 100)]
    tensors = image_statistics(lambda: map(images.batch, parts)).tensors()
    # Half precision for the magnitudes: a relative error of .0005, and half the size.
    tensors["magnitude"] = tensors["magnitude"].half()
    save_tensors(FILE, tensors, {"source": SOURCE})


if __name__ == "__main__":
    make(sys.argv[1])
