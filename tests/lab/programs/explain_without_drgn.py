# SPDX-License-Identifier: GPL-2.0-or-later
"""``explain --json`` by PyKdump's names alone, as in a Python that has no drgn."""

import sys

for name in [name for name in sys.modules if name.split(".")[0] in ("drgn", "_drgn")]:
    del sys.modules[name]
sys.modules["drgn"] = sys.modules["_drgn"] = None  # type: ignore[assignment]

from crashext.engine.verdict import explain, read_log  # noqa: E402
from crashext.render import json  # noqa: E402
from crashext.targets.crash import open_target  # noqa: E402

target = open_target()
print(json.render(explain(target, read_log(target))))
