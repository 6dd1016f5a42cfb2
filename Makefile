# Shortcuts for developers. Users need none of them: see README.md.
.PHONY: bench chaos check coverage docs docs-serve docs-site gallery gpu gpu-check lens-serve lock oracles results slurm tutorials verdicts volume

SCALE ?= laptop
comma := ,
MORE = $(if $(OVERRIDES),$(comma)$(OVERRIDES))

bench: ## speed and memory as ratios: a table, benchmarks/results/bench.csv and a plot
	./sparks python -m benchmarks.run

chaos: ## kill, cut, fill and remove at random moments; the tables must be those of a quiet run
	./sparks python tests/workflow/chaos.py

check: ## format, lint and type check, as pre-commit and continuous integration do
	.ci/check

coverage: ## the share of src that the tests reach, by file; fails below 90 %. It adds pytest-cov to the environment
	./sparks uv pip install --quiet pytest-cov
	./sparks pytest --cov --cov-report=term:skip-covered --cov-fail-under=90

docs: ## docs/catalogue.md (figures and tables), docs/configuration.md (every key) and docs/rules.md
	./sparks python -m sparks_thesis.overview.catalogue
	./sparks python -m sparks_thesis.overview.config_reference
	./sparks python -m sparks_thesis.overview.rules_page

docs-serve: docs-site ## the site at http://127.0.0.1:8000, made again whenever a page changes
	.venv-docs/bin/python -m mkdocs serve

docs-site: tutorials ## the documentation site, into site/; its tools are in an environment of their own, .venv-docs
	./sparks uv venv --quiet --allow-existing .venv-docs
	./sparks uv pip install --quiet --python .venv-docs/bin/python -r docs/requirements.txt
	.venv-docs/bin/python -m mkdocs build --strict --quiet

results: ## docs/results.md, from finished runs: make results RUNS=". runs/real"
	./sparks python -m sparks_thesis.overview.results_page $(RUNS)

gallery: ## docs/gallery.png, the README's first picture: fig-gallery of the photographs
	./sparks snakemake --cores all --directory runs/gallery --config 'overrides=[experiment=[sobol],shared.datasets=[photographs],experiments.sobol.items=[fig-gallery]]'
	./sparks python -c "from PIL import Image; p = Image.open('runs/gallery/results/figures/fig-gallery.png').convert('RGB'); p.thumbnail((1600, 1600)); p.quantize(256, dither=0).save('docs/gallery.png', optimize=True)"

gpu: ## the whole smoke run on a pretended GPU; the tables must be those of a run on the CPU
	./sparks python tests/workflow/smoke_on_gpu.py

gpu-check: ## on a machine with a GPU: tests against the CPU, then speed and memory (8 minutes)
	PYTHONPATH=src:.:$$PYTHONPATH $(or $(PYTHON),python3) -m benchmarks.gpu_check $(ARGS)

lens-serve: ## a local page that explains an image of yours; ARGS="dataset=chimera model=convnet" opens it with that model
	./sparks python scripts/lens_serve.py $(ARGS)

lock: ## make requirements.lock and the environments of conda's from pyproject.toml
	./sparks uv pip compile pyproject.toml --all-extras --generate-hashes --universal \
	  --python-version 3.11 --no-emit-index-url --no-header --quiet --output-file requirements.lock
	./sparks python scripts/make_environment_yml.py

oracles: ## other libraries in an environment of their own, .venv-oracles, and the tests that compare with them
	./sparks uv venv --quiet --allow-existing .venv-oracles
	./sparks uv pip install --quiet --python .venv-oracles/bin/python -r tests/oracles/requirements.txt
	./sparks uv pip install --quiet --python .venv-oracles/bin/python --no-deps xplique==2.0.2
	./sparks pytest -n 0 -m nightly tests/oracles

slurm: ## the whole smoke run on a Slurm of one node (as root); the tables must be those of a local run
	./sparks python tests/workflow/smoke_on_slurm.py

tutorials: ## the notebooks with their outputs, into docs/tutorials: pages of the documentation site
	./sparks python -m sparks_thesis.overview.tutorials

verdicts: ## do verdicts turn? runs with two seeds and in bfloat16, then docs/results.md: make verdicts SCALE=laptop OVERRIDES="experiment=[lipschitz]"
	./sparks snakemake --cores all --directory runs/verdicts/seed0 --config scale=$(SCALE) 'overrides=[seed=0$(MORE)]'
	./sparks snakemake --cores all --directory runs/verdicts/seed1 --config scale=$(SCALE) 'overrides=[seed=1$(MORE)]'
	./sparks snakemake --cores all --directory runs/verdicts/bf16 --config scale=$(SCALE) 'overrides=[training.precision=bf16,engine.precision=bf16$(MORE)]'
	$(MAKE) results RUNS="runs/verdicts/seed0 runs/verdicts/seed1 runs/verdicts/bf16"

volume: ## 50,000 files through the sharded workflow: peak memory of every rule
	PYTHONPATH=. ./sparks python tests/workflow/volume.py
