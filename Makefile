# `make demo` and `make test` do all the set-up themselves, in .venv.
#
# PYTHON: as root, Debian's own interpreter is preferred: one below a closed /root cannot be run by the
# unprivileged user that student code gets (it works too, through one more mount).
PYTHON ?= $(shell [ "$$(id -u)" = 0 ] && [ -x /usr/bin/python3 ] && echo /usr/bin/python3 || echo python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test samples check validate calibrate bench clean

$(VENV)/.made: pyproject.toml
	@command -v bwrap >/dev/null 2>&1 || sh .ci/packages
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || { sh .ci/packages; $(PYTHON) -m venv $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@

demo: $(VENV)/.made
	$(BIN)/grade demo demo

test: $(VENV)/.made check
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered

# Every sample submission as one class (20 minutes on 2 cores); `make test` grades a few of them.
samples: $(VENV)/.made
	$(BIN)/python -m tests.grade_samples .samples

check: $(VENV)/.made
	$(BIN)/ruff format --check grader assignments tests benchmarks
	$(BIN)/ruff check grader assignments tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

validate: $(VENV)/.made
	for id in fashion-dense fashion-convnet; do \
	  $(BIN)/grade validate $$id --seeds 12 --write || exit; done

calibrate: $(VENV)/.made
	for id in fashion-dense fashion-convnet; do \
	  $(BIN)/grade calibrate $$id --seeds 10 || exit; done

# Against nbgrader and otter-grader, which get environments of their own (half an hour on 2 cores).
bench: $(VENV)/.made
	$(BIN)/python benchmarks/compare.py

clean:
	rm -rf $(VENV) demo grades .calibration .samples
