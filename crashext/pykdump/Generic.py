# SPDX-License-Identifier: GPL-2.0-or-later
"""PyKdump's module ``pykdump.Generic``: its names, at their homes in this package."""

from __future__ import annotations

from crashext.pykdump.containers import (  # noqa: F401
    CU_LIVE,
    CU_LOAD,
    CU_PYMOD,
    CU_TIMEOUT,
    Bunch,
    DataCache,
    DCache,
    KernelRev,
    PY_select,
    PY_select_purge,
    TrueOnce,
    dbits2str,
    getCurrentModule,
    hexl,
    iterN,
    memoize_cond,
    memoize_typeinfo,
    print2columns,
    print_memoize_cache,
    purge_memoize_cache,
    purge_typeinfo,
    registerModuleAttr,
    registerObjAttrHandler,
    unsigned16,
    unsigned32,
    unsigned64,
)
from crashext.pykdump.typeinfo import (  # noqa: F401
    TYPE_CODE_SU,
    ArtStructInfo,
    EnumInfo,
    PseudoVarInfo,
    SUInfo,
    TypeInfo,
    VarInfo,
)
