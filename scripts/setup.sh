#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Installs what a fresh Debian machine lacks, then makes the virtual environment.
# Usage: scripts/setup.sh PYTHON VENV
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 venv=$2

# What each is for: gcc … python3-dev build crashext.so and modules; crash … makedumpfile open and
# shrink dumps; qemu … e2fsprogs boot the lab's guests; the aarch64 compiler makes modules for its
# arm64 guests; the rest checks our own sources.
packages=(
    gcc g++ make python3-dev python3-venv
    crash gdb binutils makedumpfile
    qemu-system-x86 qemu-system-arm busybox-static kexec-tools kmod cpio xz-utils zstd e2fsprogs
    libelf-dev libssl-dev dwarves bc flex bison
    gcc-aarch64-linux-gnu binutils-aarch64-linux-gnu
    shellcheck sparse
)

say() { printf '==> %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "not root and no sudo; run as root: $*"
    fi
}

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing+=("$package")
    done
    if [ "${#missing[@]}" -gt 0 ]; then
        say "installing ${#missing[@]} packages: ${missing[*]}"
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    fi
else
    say "not a Debian system: you need gcc, make, Python headers, crash with its headers, gdb, qemu"
fi

command -v "$python" >/dev/null || die "no $python; set PYTHON=… (make PYTHON=python3.12)"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))' ||
    die "$python is older than 3.9; set PYTHON=…"
if ! [ -x "$venv/bin/python" ]; then
    say "making $venv with $python"
    "$python" -m venv "$venv"
fi
say "installing crashext and its tools into $venv"
"$venv/bin/pip" install -qq --disable-pip-version-check -e '.[dev]'
