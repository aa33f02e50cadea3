# SPDX-License-Identifier: GPL-2.0-or-later
"""Removes the files of what was not chosen.

Cookiecutter renders this file with the answers and runs it in the new project's directory. It
needs the standard library alone.
"""

import json
import os
import shutil
import sys

ANSWERS = json.loads({{ cookiecutter | tojson | tojson }})

#: Does the project keep these files?
FILES = [
    (
        ANSWERS["fault_menu"],
        ["faults.c", "faults.h", "fault_menu.c", "faults.json", "fault.sh", ".checkpatch.conf"],
    ),
    (ANSWERS["dkms"], ["dkms.conf"]),
    (ANSWERS["kunit"], ["test.c", "kunit_lite.h"]),
    (ANSWERS["ci"] == "github", [".github"]),
    (ANSWERS["ci"] == "gitlab", [".gitlab-ci.yml"]),
]


def remove(path):
    if os.path.isdir(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def main():
    for keep, paths in FILES:
        if not keep:
            for path in paths:
                remove(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
