# SPDX-License-Identifier: GPL-2.0-or-later
# make demo   the whole story: a module, a real crash, the explanation four ways
# make test   everything: format, types, unit, lab (real kernels); .ci/run calls it
# make help   the rest

# The distribution's Python: its headers come as a package, so crashext.so can embed it.
PYTHON ?= $(firstword $(wildcard /usr/bin/python3) python3)
VENV   := .venv
PY     := $(VENV)/bin/python
OUT    ?= demo-out
# The help pages of the commands are built in.
EXTENSION := $(wildcard crashext/native/* crashext/commands/*.py crashext/doors/*.py) crashext/build.py

.DEFAULT_GOAL := help
NATIVE_TESTS := tests/lab/test_crash_native.py tests/lab/test_crash_safety.py \
	tests/lab/test_crash_commands.py

.PHONY: help setup crashext.so demo test lint unit lab robust-native accuracy bench fuzz format clean

help: ## this list
	@awk -F':.*## ' '/^[a-z.-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## install what is missing: packages, .venv with crashext in it

$(VENV)/.ready: pyproject.toml scripts/setup.sh
	@scripts/setup.sh "$(PYTHON)" "$(VENV)"
	@touch $@

crashext.so: extensions/crashext.so ## the crash extension; in crash started here: extend crashext.so

# Not beside the package: Python would import it in its stead. crash looks in ./extensions.
extensions/crashext.so: $(VENV)/.ready $(EXTENSION)
	@$(PY) -m crashext.build --strict -o $@

demo: crashext.so ## a real crash, made and explained four ways (OUT=DIR keeps the files there)
	@scripts/demo.sh "$(OUT)"

test: lint unit lab ## everything that is tested

lint: $(VENV)/.ready ## ruff, mypy --strict, clang-format, shellcheck
	@scripts/lint.sh

unit: $(VENV)/.ready ## tests that need no kernel
	@$(PY) -m pytest tests/unit -q -rs

lab: crashext.so ## tests on real kernels in QEMU
	@$(PY) -m pytest tests/lab -q -rs

robust-native: $(VENV)/.ready ## crashext.so under AddressSanitizer and UBSan
	@CRASHEXT_SANITIZE=1 $(PY) -m pytest $(NATIVE_TESTS) -q -rs

accuracy: crashext.so ## the accuracy matrix → docs/accuracy.md (ONLY=… for a part)
	@$(PY) -m crashext.lab.accuracy $(if $(ONLY),--only $(ONLY))

bench: crashext.so ## speeds, as ratios in one run
	@$(PY) -m crashext.lab.bench

fuzz: $(VENV)/.ready ## the log parser under atheris for a bounded time (SECONDS_=60)
	@$(PY) tests/fuzz/run.py --seconds $(or $(SECONDS_),60)

format: $(VENV)/.ready ## ruff and clang-format, in place
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/clang-format -i crashext/native/*.c crashext/native/*.cc crashext/native/*.h

clean: ## what make built here (not the download cache)
	rm -rf crashext.so extensions/crashext.so crashext/native/*.so crashext/native/*.o build *.egg-info
	@[ ! -e "$(OUT)" ] || $(PY) -m crashext.lab.outputs clear "$(OUT)"
