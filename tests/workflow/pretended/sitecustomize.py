"""Read by every Python that has this folder on its path: the library finds a GPU, a pretended one.

See `pretended_gpu`. Nothing happens before the library asks for a device, so that a Python that
does not compute starts as always.
"""

import importlib.abc
import importlib.util
import sys
from pathlib import Path

ASKED = "sparks.models.device"


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != ASKED:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        spec.loader.exec_module = lambda module: (load(module), _pretend(module))
        return spec


def _pretend(module):
    sys.path.append(str(Path(__file__).parents[2]))
    from pretended_gpu import PretendedGPU

    gpu = PretendedGPU().__enter__()
    known = module.resolve_device
    module.resolve_device = lambda name: (
        gpu.device if str(name) in ("auto", "cuda", str(gpu.device)) else known(name)
    )


sys.meta_path.insert(0, _Finder())
