#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Every static check of the project, each said in one line.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=.venv/bin

check() {
    printf '%-14s' "$1"
    shift
    "$@" && printf 'ok\n'
}

spdx() {
    local bad
    bad=$(git ls-files '*.py' '*.c' '*.cc' '*.h' '*.sh' Makefile '*/Makefile' | while read -r file; do
        [ -e "$file" ] || continue
        head -n 3 "$file" | grep -q 'SPDX-License-Identifier:' || printf '%s\n' "$file"
    done)
    [ -z "$bad" ] || { printf 'no SPDX line in:\n%s\n' "$bad"; return 1; }
}

check spdx spdx
check ruff "$bin/ruff" check --quiet .
check ruff-format "$bin/ruff" format --quiet --check .
check mypy "$bin/mypy" --no-error-summary
check kinds "$bin/python" scripts/kinds.py --check
check architecture "$bin/python" scripts/architecture.py
mapfile -t c_files < <(git ls-files 'crashext/native/*.c' 'crashext/native/*.cc' 'crashext/native/*.h')
check clang-format "$bin/clang-format" --dry-run -Werror "${c_files[@]}"
mapfile -t scripts < <(git ls-files '*.sh' .ci/run | grep -v '^cookiecutter-lkm/')
check shellcheck shellcheck -x "${scripts[@]}"
