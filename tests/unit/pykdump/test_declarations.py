# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import pytest

from crashext.pykdump.declarations import (
    CDefine,
    CEnum,
    c_integer,
    parser_header_tabs,
    parseSUDef,
)


def test_enum_with_values_comments_and_preprocessor_lines() -> None:
    enum = CEnum("""
    enum {
      TCP_ESTABLISHED = 1,
      TCP_SYN_SENT,   /* sent */
    #define X TCP_SYN_SENT
      TCP_LISTEN = 0xa,
      TCP_MAX // end
    } states;""")
    assert (enum.TCP_SYN_SENT, enum.TCP_MAX) == (2, 11)
    assert enum[10] == "TCP_LISTEN"
    assert enum.getByName("TCP_MAX") == 11
    assert (len(enum), enum.getAllNames()[0]) == (4, "TCP_ESTABLISHED")


def test_enum_value_may_name_an_earlier_one() -> None:
    assert CEnum("enum e {A = 3, B = A, C};").C == 4


def test_no_enum() -> None:
    with pytest.raises(ValueError, match="not an enum"):
        CEnum("struct x { int a; };")


def test_defines() -> None:
    flags = CDefine("""
    #define RTF_UP          0x0001          /* route usable */
    #define RTF_MTU         0x0040
    #define RTF_MSS         RTF_MTU         /* Compatibility */
    #define MODE            0755
    #define SHIFTED         (1<<4)
    """)
    assert (flags.RTF_UP, flags["RTF_MSS"], flags.MODE, flags.SHIFTED) == (1, 64, 493, 16)
    assert flags.value2key(64) == "RTF_MSS"
    assert flags.value2key(5) is None


@pytest.mark.parametrize(
    ("text", "value"), [("0x10UL", 16), ("010", 8), ("-5", -5), ("7u", 7), ("0", 0)]
)
def test_integers(text: str, value: int) -> None:
    assert c_integer(text) == value


def test_struct_definition() -> None:
    assert parseSUDef("""
    struct OneTwo {
      unsigned long ul;
      long int ula[2];
      struct net_device *dev; /* first */
      unsigned char **ia3[32][5];
      void (*func1)(int, long);
    };""") == (
        "struct OneTwo",
        [
            ("unsigned long", "ul"),
            ("long int[2]", "ula"),
            ("struct net_device*", "dev"),
            ("unsigned char**[32][5]", "ia3"),
            ("void (*)()", "func1"),
        ],
    )


def test_table_with_header() -> None:
    table = "skip\nNAME\tSIZE\na\t1\n\nb\t2\tmore\n"
    assert parser_header_tabs(table, skip=1) == [
        {"NAME": "a", "SIZE": "1"},
        {"NAME": "b", "SIZE": "2", "__extra": ["more"]},
    ]
