# The two commands of the README are `make demo` and `make test`.
PYTHON ?= python3

.PHONY: env demo test test-onedl lint format

env:            ## make .venv, or leave it as it is
	@$(PYTHON) tools/make_env.py

demo: env       ## train CE and ResLT on long-tailed digits: a table and a picture
	@.venv/bin/python tools/demo.py

# One thread a process: the tests run side by side.
test: env       ## all tests, on OpenMMLab's packages
	@OMP_NUM_THREADS=1 .venv/bin/python -m pytest -n auto --dist loadfile

test-onedl:     ## the smoke tests, on the onedl forks
	@$(PYTHON) tools/make_env.py .venv-onedl requirements/onedl.txt
	@OMP_NUM_THREADS=1 .venv-onedl/bin/python -m pytest -n auto --dist loadfile -m smoke

lint: env       ## what must be clean
	@.venv/bin/ruff check -q --output-format concise . && .venv/bin/ruff format -q --check . && .venv/bin/mypy

format: env     ## lay the code out
	@.venv/bin/ruff check --fix . ; .venv/bin/ruff format .
