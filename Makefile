# Two commands do all the set-up: `make repro` runs the pipeline, `make test` proves it.
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help repro test bugs lint clean

help:
	@echo "make repro   build .venv if needed, then run the whole pipeline on the embedded demo"
	@echo "make test    build .venv if needed, then run every test"
	@echo "make bugs    run every known data bug as an experiment on a small demo (about 50 minutes)"
	@echo "make lint    check style, formatting, types and the length of sentences"
	@echo "make clean   remove what a run leaves behind (git and the DVC cache keep the results)"

.venv/ready: requirements.txt
	@echo "== building .venv from requirements.txt (about 7 GB, a few minutes the first time)"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11, 5) and "Python 3.11.5 or newer is needed")'
	$(PYTHON) -m venv .venv
	.venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/tested: requirements-dev.txt requirements-scale.txt requirements-log.txt requirements-faces.txt .venv/ready
	@echo "== adding what only tests and checks need (a minute)"
	.venv/bin/pip install --quiet --disable-pip-version-check $(patsubst %,-r %,$(filter %.txt,$^))
	@touch $@

# DVC runs in a git repository alone, which an archive of the project is not.
.PHONY: repository
repository:
	@git rev-parse --git-dir > /dev/null || \
		{ echo "make: DVC needs a git repository: clone the project, or run \`git init\` here"; exit 1; }

repro: repository .venv/ready
	@echo "== dvc repro: from a web page to a scored model"
	dvc repro
	@python -m src summary

test: .venv/tested
	@echo "== pytest: the stages, the rules between them, and the pipeline end to end"
	PYTHONDONTWRITEBYTECODE= python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

bugs: .venv/ready
	@echo "== the bug lab: what each known data bug does, and what catches it (metrics/bugs.md)"
	python -m src bugs run

lint: .venv/tested
	@echo "== ruff"
	ruff check .
	ruff format --check .
	@echo "== mypy"
	mypy
	@echo "== words per sentence"
	python .ci/words.py

clean:
	@echo "== removing the stages' outputs in data, .resume, .cache and tool caches"
	for out in $$(sed -n 's,^ *- data/\([a-z]*\)$$,\1,p' dvc.yaml); do rm -rf data/$$out data/.$$out.*; done
	rm -rf .resume .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis dvc_plots
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
