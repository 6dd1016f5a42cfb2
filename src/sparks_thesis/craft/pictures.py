"""Arrays for CRAFT's figures of one class: crops, maps, importances, a mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from sparks.attribution.gradient import GradientInput
from sparks.checks import whole
from sparks.concepts.bank import Concepts
from sparks.concepts.banks import ConceptSource
from sparks.concepts.classes import Classified
from sparks.concepts.layer import Layer
from sparks.concepts.maps import class_maps, concept_maps
from sparks.data.imageset import ImageSet
from sparks.errors import SparksError
from sparks.models.classifier import Classifier
from sparks.stats import Bootstrap
from sparks.training.predict import predict
from sparks.visualization import on_white
from sparks.visualization.optimise import Pictures as Drawn
from sparks_thesis.common.concept_inputs import ConceptInputs
from sparks_thesis.craft.study import CraftStudy, OneClass


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Settings of CRAFT's figures.

    Attributes:
        target: class of the first figures, one that has test images predicted as it.
        concepts: the most important ones.
        crops: of each.
        images: with maps; those that the model is right about come first.
        bootstrap: of importances, over images.
    """

    target: int = 0
    concepts: int = 5
    crops: int = 6
    images: int = 4
    bootstrap: Bootstrap = field(default_factory=Bootstrap)

    def __post_init__(self) -> None:
        whole(self, 0, "target")
        whole(self, 1, "concepts", "crops", "images")

    def run(
        self,
        study: CraftStudy,
        given: ConceptInputs,
        draw: Callable[[Layer, list[Tensor]], list[Drawn]],
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return the tensors for all figures, and what they show.

        Args:
            study: CRAFT, as the chapter measures it.
            given: the model, images and concepts.
            draw: makes pictures of the concepts of some banks, (k, p) each, at a layer; see
                `concept_pictures`.

        Returns:
            "class.…", "recursion.…" as `of_class` has them, "unified.…" and "mistake.…" as
            `of_image`, without atoms, which are stored with the concepts, but with their pictures
            "….maco"; and the name of the class "shown", whether the mistake is "wrong", and of
            both images what was "predicted" and their "label".
        """
        model, layers, train, test, source = given
        every = (one for _, one in study.classes(given, None))
        shown = next(one for one in every if one.target >= self.target)
        tensors = self.of_class(study, shown)
        images = test.images
        layer = Layer(model, layers[-1], images.batch([0]))
        worst, wrong = mistake(model, images, source.classes)
        metadata: dict[str, Any] = {"shown": shown.name, "wrong": wrong}
        own = int(shown.index[shown.right_first[0]])
        for name, image in (("unified", own), ("mistake", worst)):
            found = self.of_image(source, model, layer, train, images.batch([image]))
            metadata |= {
                f"{name}_predicted": images.classes[int(found["predicted"])],
                f"{name}_label": images.classes[int(images.labels[image])],
            }
            tensors |= {f"{name}.{key}": value for key, value in found.items()}
        parts = ("class", "unified", "mistake")
        drawn = draw(layer, [tensors.pop(f"{part}.atoms") for part in parts])
        made = zip(parts, drawn, strict=True)
        return tensors | {f"{part}.maco": on_white(found) for part, found in made}, metadata

    def of_class(self, study: CraftStudy, one: OneClass) -> dict[str, Tensor]:
        """Return the tensors for the figures of a class.

        Returns:
            "class.crops" (c, m, C, H, W); "class.images" (n, C, H, W); "class.maps" (n, c, H, W),
            GradCAM of the concepts through the non-negative least squares; "class.importance",
            "class.low", "class.high", "class.published" (k,), of all concepts; "class.order" (c,),
            "class.atoms" (c, p), of those shown;
            "recursion.parent" (m, C, H, W), "recursion.crops" (s, m, C, H, W).
        """
        concepts = one.concepts[0]
        totals = study.craft.rank(concepts, one.x, one.target)
        published = replace(study.craft, importance=study.published)
        intervals = [self.bootstrap.mean(column) for column in totals.T.double()]
        importance = torch.tensor([i.mean for i in intervals])
        order = importance.argsort(descending=True, stable=True)[: self.concepts]
        images = one.x[one.right_first[: self.images]]
        found = {
            "importance": importance,
            "low": torch.tensor([i.low for i in intervals]),
            "high": torch.tensor([i.high for i in intervals]),
            "published": published.rank(concepts, one.x, one.target).nanmean(0),
            "order": order,
            "atoms": concepts.dictionary.atoms[order],
            "crops": self._crops(concepts, order, one.fit),
            "images": images,
            "maps": concept_maps(concepts, images, order),
        }
        named = {f"class.{name}": value for name, value in found.items()}
        if len(one.concepts) > 1:
            first = int(order[0])
            finer = study.craft.refine(concepts, first, one.concepts[1].layer, one.fit)
            every = torch.arange(finer.k)
            named["recursion.parent"] = named["class.crops"][0].clone()
            named["recursion.crops"] = self._crops(finer, every, one.fit)
        return named

    def of_image(
        self, source: ConceptSource, model: Classifier, layer: Layer, train: Classified, x: Tensor
    ) -> dict[str, Tensor]:
        """Return the tensors that explain one image (1, C, H, W) by its class's concepts.

        Returns:
            "image" (C, H, W); "heat" (H, W), GradCAM of the class; "maps" (c, H, W); "crops"
            (c, m, C, H, W); "share" (c,), of the positive contributions; "order" (c,);
            "atoms" (c, p); "predicted" (1,).
        """
        target = predict(model, x, device=next(model.parameters()).device).argmax(1)
        if int(target) not in source.classes:
            name = train.images.classes[int(target)]
            raise SparksError(f"there are no concepts of {name!r}, which the model predicts for "
                              "this image: choose another image")  # fmt: skip
        bank = source(layer, int(target))
        images, concepts = train.images.batch(bank.index), bank.at(layer)
        gave = GradientInput()(concepts.head, concepts.coefficients(x), target)[0]
        order = gave.argsort(descending=True, stable=True)[: self.concepts]
        share = gave.clamp(min=0) / gave.clamp(min=0).sum().clamp(min=1e-12)
        heat = class_maps(layer, layer.activations(x), target, x.shape[2:])[0]
        return {
            "image": x[0],
            "heat": heat,
            "maps": concept_maps(concepts, x, order)[0],
            "crops": self._crops(concepts, order, images),
            "share": share[order],
            "order": order,
            "atoms": concepts.dictionary.atoms[order],
            "predicted": target,
        }

    def _crops(self, concepts: Concepts, which: Tensor, images: Tensor) -> Tensor:
        """Return the crops (c, m, C, H, W) with the largest codes; black where there are fewer."""
        rows = []
        for concept in which.tolist():
            cut = concepts.top(concept, self.crops).cut(images)
            missing = self.crops - len(cut)
            rows.append(torch.cat([cut, cut.new_zeros(missing, *cut.shape[1:])]))
        return torch.stack(rows)


def mistake(
    model: Classifier, test: ImageSet, classes: Sequence[int] | None = None
) -> tuple[int, bool]:
    """Return the most confidently misclassified test image, or without any, the closest call.

    Args:
        model: in evaluation mode.
        test: images.
        classes: which the model may take the image for; None for any.

    Returns:
        Its number, and whether it is a mistake.
    """
    logits = predict(model, test, device=next(model.parameters()).device)
    own = logits.gather(1, test.labels[:, None])[:, 0]
    others = logits.scatter(1, test.labels[:, None], -torch.inf).amax(1)
    margin = functional.logsigmoid(own - others)
    if classes is not None:
        among = torch.isin(logits.argmax(1), torch.tensor(classes))
        margin = margin.masked_fill(~among, torch.inf)
    worst = int(margin.argmin())
    return worst, bool(others[worst] > own[worst])
