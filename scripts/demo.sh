#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The whole story: a module from the template, a real crash in QEMU, the explanation four ways.
# Usage: scripts/demo.sh OUT    (make demo does the set-up first)
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(realpath -m "${1:-demo-out}")
bin=$PWD/.venv/bin
module=hello_2
extension=$PWD/extensions/crashext.so

step=0
say() {
    step=$((step + 1))
    printf '\n==> [%d/7] %s\n' "$step" "$*"
}
run() { # the command as a person would type it, then its output
    printf '    $ %s\n\n' "$(printf '%s ' "$@" | sed "s|$out/|$(basename "$out")/|g; s|$PWD/||g")"
    "$@"
}

# Takes away what the last demo made there, and nothing else; refuses where something else lies.
"$bin/python" -m crashext.lab.outputs claim "$out"
trap '"$bin/python" -m crashext.lab.outputs seal "$out"' EXIT

say "making the module $module from cookiecutter-lkm"
run "$bin/cookiecutter" "$PWD/cookiecutter-lkm" --no-input --output-dir "$out" module_name="$module"

say "building it, booting a kernel in QEMU, loading it, making it fault (null-write-unload)"
run "$bin/crashext" lab run "$out/$module" --fault null-write-unload -o "$out/dump"
dump=$out/dump

say "way 1: the log alone"
run "$bin/crashext" explain "$dump/vmcore-dmesg.txt"

say "way 2: drgn, with a script"
run "$bin/drgn" -q -c "$dump/vmcore" -s "$dump/vmlinux" -s "$dump/$module.ko" \
    drgn_scripts/explain.py

say "way 3: crash, with the extension"
printf '    $ crash vmlinux vmcore\n    crash> extend %s\n    crash> explain\n\n' "$extension"
printf 'extend %s\nexplain --source-dir %s\nquit\n' "$extension" "$dump/src" |
    crash -s "$dump/vmlinux" "$dump/vmcore"

say "way 4: the shell, on the vmcore"
run "$bin/crashext" explain "$dump/vmcore"

say "yours to look at"
cat <<END
    the module     $out/$module
    the dump       $dump  (vmcore, vmcore-dmesg.txt, $module.ko, vmlinux, truth.json)

    open it by hand:
      $bin/crashext explain -v $dump/vmcore
      $bin/drgn -c $dump/vmcore -s $dump/vmlinux -s $dump/$module.ko     then %explain, %mods …
      crash $dump/vmlinux $dump/vmcore
          crash> extend $extension
          crash> explain
END
