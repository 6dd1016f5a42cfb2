"""Feature visualisation: MACO, and the baselines it is compared with.

`Ascent` makes pictures that a network responds to. Three parts are chosen one by one: what a
picture is made of (`MACO`, `Fourier`, `CBR`, `Pixels`, or an image: `Accentuation`), what the
network sees of it (`Crops`), and what is to be large (`logits`, `channels`, `neurons`,
`directions`, `inversion`). Pictures look like images of a set by its colours and mean spectrum:
`natural_images()` holds those of 1,000 photographs, `image_statistics` fits those of other images.
Names are imported on first use.

Examples draw features of a small network, which has four channels in its layer "1":

    >>> import torch
    >>> from torch import nn
    >>> from sparks.concepts import Layer
    >>> from sparks.models import Classifier
    >>> from sparks.visualization import Ascent, image_statistics, logits, named_crops
    >>> pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), *pool, nn.Linear(4, 2))
    >>> model, images = Classifier(net).eval(), torch.rand(8, 3, 16, 16)
    >>> layer = Layer(model, "1", images[:1])
    >>> statistics = image_statistics(lambda: [images])
    >>> pictures = Ascent(steps=2)(logits(model, [0, 1]), statistics, (16, 16))
    >>> pictures.images.shape  # one for each class
    torch.Size([2, 3, 16, 16])

For a network of photographs of 224 pixels this is `Ascent()(logits(model, range(10)),
natural_images(224), (224, 224))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sparks.lazy import on_first_use

if TYPE_CHECKING:
    from sparks.visualization.accentuation import Accentuation
    from sparks.visualization.crops import Crops, named_crops, resize
    from sparks.visualization.natural import natural_images
    from sparks.visualization.objectives import (
        Objective,
        channels,
        directions,
        inversion,
        logits,
        neurons,
    )
    from sparks.visualization.of_concepts import concept_pictures
    from sparks.visualization.optimise import Ascent, Pictures, on_white, stretched, transparency
    from sparks.visualization.parametrisation import CBR, MACO, Fourier, Pixels
    from sparks.visualization.scores import (
        concept_responses,
        fid,
        observer_choices,
        plausibility,
        selective,
        transferability,
    )
    from sparks.visualization.spectrum import (
        ImageStatistics,
        high_frequency_share,
        image_statistics,
        magnitude_error,
        radial_power,
        spectrum_distance,
    )

_MODULES = {
    "CBR": "parametrisation",
    "MACO": "parametrisation",
    "Accentuation": "accentuation",
    "Ascent": "optimise",
    "Crops": "crops",
    "Fourier": "parametrisation",
    "ImageStatistics": "spectrum",
    "Objective": "objectives",
    "Pictures": "optimise",
    "Pixels": "parametrisation",
    "channels": "objectives",
    "concept_pictures": "of_concepts",
    "concept_responses": "scores",
    "directions": "objectives",
    "fid": "scores",
    "high_frequency_share": "spectrum",
    "image_statistics": "spectrum",
    "inversion": "objectives",
    "logits": "objectives",
    "magnitude_error": "spectrum",
    "named_crops": "crops",
    "natural_images": "natural",
    "neurons": "objectives",
    "observer_choices": "scores",
    "on_white": "optimise",
    "plausibility": "scores",
    "radial_power": "spectrum",
    "resize": "crops",
    "selective": "scores",
    "spectrum_distance": "spectrum",
    "stretched": "optimise",
    "transferability": "scores",
    "transparency": "optimise",
}

__all__ = [
    "CBR",
    "MACO",
    "Accentuation",
    "Ascent",
    "Crops",
    "Fourier",
    "ImageStatistics",
    "Objective",
    "Pictures",
    "Pixels",
    "channels",
    "concept_pictures",
    "concept_responses",
    "directions",
    "fid",
    "high_frequency_share",
    "image_statistics",
    "inversion",
    "logits",
    "magnitude_error",
    "named_crops",
    "natural_images",
    "neurons",
    "observer_choices",
    "on_white",
    "plausibility",
    "radial_power",
    "resize",
    "selective",
    "spectrum_distance",
    "stretched",
    "transferability",
    "transparency",
]


__getattr__ = on_first_use(__name__, _MODULES)
