# Shortcuts for developers. Users need none of them: see README.md.
.PHONY: bench check lock

bench: ## speed and memory as ratios: a table, benchmarks/results/bench.csv and a plot
	./sparks python -m benchmarks.run

check: ## format, lint and type check, as pre-commit does
	./sparks ruff check
	./sparks ruff format --check
	./sparks snakefmt --check Snakefile workflow
	./sparks mypy
	./sparks snakemake --lint

lock: ## make requirements.lock and environment.yml from pyproject.toml
	./sparks uv pip compile pyproject.toml --all-extras --generate-hashes --universal \
	  --python-version 3.11 --no-emit-index-url --no-header --quiet --output-file requirements.lock
	./sparks python scripts/make_environment_yml.py
