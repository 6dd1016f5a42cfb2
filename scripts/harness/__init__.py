"""Link of the library to Hydra and Snakemake: configuration, validation, digests, paths.

`config/` is the only source of truth. The Snakefile composes it once (`compose`), refuses what
cannot be run (`validate`), derives the jobs from it (`grid`) and hands each job its own resolved
part. `job` gives every script its two doors: Snakemake's `script:` and a Hydra program.
"""

import sys
from pathlib import Path

# The library of this very checkout, installed or not, before any other; and the modules of the
# user's that lie beside it, for `_target_`s in the configuration.
_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "src"), str(_ROOT)]
