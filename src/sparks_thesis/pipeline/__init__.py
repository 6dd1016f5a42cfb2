"""From the configuration to jobs: one tree, the files and the code of every job.

`config/` is the only source of truth. The Snakefile composes it once (`compose`), refuses what
cannot be run (`validate`), derives the jobs from it (`grid`) and hands each job its own resolved
part. `job` gives every script its two doors: Snakemake's `script:` and a Hydra program.
"""

import sys
from pathlib import Path

# Modules of the user's that lie in the checkout, for `_target_`s in the configuration.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
