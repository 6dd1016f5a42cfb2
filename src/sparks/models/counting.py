"""Count what an explanation costs: inputs through the network, forwards and backwards."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn


class Counting:
    """Count the inputs that pass a model inside a `with` block.

    Attributes:
        forwards: inputs that went through forwards.
        backwards: inputs for which a derivative of the output came back.
    """

    def __init__(self, model: nn.Module) -> None:
        self.forwards = 0
        self.backwards = 0
        self._model = model

    def __enter__(self) -> Self:
        self._handle = self._model.register_forward_hook(self._seen)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._handle.remove()

    def _seen(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self.forwards += len(output)
        if output.requires_grad:
            output.register_hook(self._returned)  # type: ignore[no-untyped-call]

    def _returned(self, gradient: Tensor) -> None:
        self.backwards += len(gradient)
