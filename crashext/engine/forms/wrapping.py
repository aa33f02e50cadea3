# SPDX-License-Identifier: GPL-2.0-or-later
# ruff: noqa: E501 -- an expression broken over lines cannot be searched for
"""Whether a line is the wrapped rest of the line before it, and what the two were.

Mail clients and trackers break at a blank and drop it; terminals and consoles break after a fixed
width, inside a word or a number. Nothing says which. What the kernel prints does: a register has
sixteen digits, a frame ends with its size or its module, a "Code:" byte has two digits. Only where
the kernel's text is free (a message, a name) the widths of the lines around decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Optional

from crashext.engine.kinds import panics, registry
from crashext.engine.lazy import Lazy

#: Nobody wraps narrower than this, in characters.
NARROWEST = 36
#: A joined line is not longer: "Modules linked in:" of a large server has about 4 KiB.
LONGEST = 16 * 1024


class Style(NamedTuple):
    """How the lines around were wrapped."""

    width: int = 0  # of the longest line that was wrapped; 0: not known
    hard: bool = False  # after a fixed width, wherever that is
    spaced: bool = False  # an empty line stands after every line
    wraps: int = 0  # how many lines were wrapped, as far as their looks tell


class Physical(NamedTuple):
    """One line of the file."""

    length: int  # in characters, with prefix and quoting, without its end
    marked: bool  # it has a prefix
    blank: bool  # nothing but quoting and blanks
    begins: bool = False  # the kernel begins a line of a report like this


def style_of(lines: Sequence[Physical]) -> Style:
    """The style of some lines that follow each other."""
    marks = sum(line.marked for line in lines)
    lengths: list[int] = []
    between = sum(line.blank and not after.blank for line, after in zip(lines, lines[1:]))
    full = [line for line in lines if not line.blank]
    spaced = between >= 3 and between * 5 >= len(full) * 4
    for line, after in zip(full, full[1:]):
        if after.marked or after.begins or not (line.marked or 4 * marks < len(full) or lengths):
            continue
        if line.length >= NARROWEST:
            lengths.append(line.length)
    if not lengths:
        return Style(spaced=spaced)
    width = max(lengths)
    # A blank at the end of a line may have been dropped.
    at_width = sum(width - length <= 1 for length in lengths)
    if 4 * marks >= len(full):
        return Style(
            width, at_width * 5 >= 3 * len(lengths) and at_width >= 2, spaced, len(lengths)
        )
    # Without prefixes most lines are whole lines.
    return Style(width, at_width >= 3, spaced, len(lengths))


_NAME = r"[A-Za-z_.$][\w.$]*"
_ADDRESS = r"\[<\s?[0-9a-f]{8,16}>\]"
_PLACE = rf"{_NAME}\+0x[0-9a-f]{{1,16}}/0x[0-9a-f]{{1,16}}"
_TAIL = r"(?: \[[\w-]+(?:\([A-Z+-]*\))?(?: [0-9a-f]{16,64})?\])?"
_FRAME = Lazy(rf"(?:{_ADDRESS}\s{{1,4}})?(?:\? )?{_PLACE}{_TAIL}(?: \([A-Z]{{1,4}}\))?", re.A)
#: Any beginning of a frame, be it cut anywhere.
_FRAME_BEGUN = Lazy(
    rf"(?:\[<?[0-9a-f]{{0,16}}>?\]?\s{{0,4}})?(?:\?\s?)?"
    rf"(?:{_NAME}(?:\+(?:0(?:x[0-9a-f]{{0,16}}(?:/(?:0(?:x[0-9a-f]{{0,16}})?)?)?)?)?)?)?"
    r"(?: (?:\[[\w-]*(?:\([A-Z+-]*\)?)?(?: [0-9a-f]{0,64})?)?)?",
    re.A,
)
#: decode_stacktrace.sh: "f (file.c:1 file.h:2) module"
_DECODED = Lazy(
    rf"(?:RIP: [0-9a-f]{{4}}:)?(?:\? )?{_NAME} \([^()\s]{{1,400}}:\d{{1,8}}[^()]{{0,400}}(?:\([^()]{{1,40}}\)[^()]{{0,400}}){{0,8}}\)",
    re.A,
)
_MODULE_WORD = Lazy(r"\[?[a-z][\w-]*\]?", re.A)
_MODULE_NAME = Lazy(r"[\w()+-]{1,80}|unloaded:?|\S{1,80}\]", re.A)
#: "RIP: 0010:f+0x1/0x2", "IP: …", "pc : …", "NIP [c00…] …": a place behind a name
_PLACED = Lazy(
    r"(?:RIP: (?:[0-9a-f]{1,4}:?)?|RIP  ?|IP: |EIP(?: is at|:)|(?:pc|lr|epc|ra) :|(?:PC|LR) is at"
    r"|(?:NIP|LR) )(?P<rest>.*)"
)
_MODULE = Lazy(r"\[[\w-]+(?:\([A-Z+-]*\))?(?: [0-9a-f]{16,64})?\](?:\s|$)", re.A)
_MODULE_OPEN = Lazy(r"\s\[[\w-]*(?P<blank> [0-9a-f]*)?$", re.A)
_MODULE_REST = Lazy(r"(?P<name>[\w-]*)(?:\([A-Z+-]*\))?(?: ?(?P<id>[0-9a-f]{1,64}))?\]", re.A)
_SIZE_REST = Lazy(r"[0-9a-f]{1,4}(?= \[|$)")
_BYTES = Lazy(r"(?:[<(]?[0-9a-f]{1,8}[>)]?|[<(>)])(?:\s+(?:[<(]?[0-9a-f]{1,8}[>)]?|[<(]))*\s*$")
_X86_REGISTER = (
    r"(?:R(?:AX|BX|CX|DX|SI|DI|BP|SP|0?8|0?9|1[0-5])|CR[0-8]|DR[0-7]|ORIG_RAX|EFLAGS|RFLAGS|FS|GS"
    r"|knlGS|CS|DS|ES|SS|SS:ESP|E(?:AX|BX|CX|DX|SI|DI|BP|SP)|PKRU)"
)
_REGISTER_NAME = Lazy(rf"(?:{_X86_REGISTER}:|x\d{{1,2}} ?:|r\d{{1,2}} ?:|sp :|pstate ?:)")
_REGISTER_LINE = Lazy(rf"(?:{_X86_REGISTER}:|x\d{{1,2}} ?: |r\d{{1,2}} ?: |sp : |pstate ?: |PGD )")
#: With what show_regs() begins its lines (arch/x86/kernel/process_64.c, process_32.c)
_REGISTERS_BEGIN = Lazy(
    r"(?:R(?:IP|SP|AX|DX|BP|10|13)|FS|CS|CR2|DR0|DR3|PKRU|EAX|ESI|DS|CR0|EIP|x\d{1,2} ?|sp |pstate ?)"
    r":"
)
_REGISTERS_REST = Lazy(
    rf"(?:[0-9a-f]{{1,16}}(?:\([0-9a-f]{{4}}\))?(?=\s|$)|{_X86_REGISTER}:|:|\w{{1,6}}: [0-9a-f]{{4}}"
    r"|[0-9a-f]{0,16}\([0-9a-f]{4}\)|P[4UMT][DE]D? [0-9a-f]|[DET]{1,2} [0-9a-f])"
)
_NUMBER_END = Lazy(r"(?:^|[\s:])(?P<digits>[0-9a-f]{1,16})$")
_NUMBER_START = Lazy(r"(?P<digits>[0-9a-f]{1,16})(?=\s|$|\()")
_TASK_LINE = Lazy(
    r"CPU: \d{1,6} (?:UID: \d{1,10} )?PID: \d|Pid: \d{1,10}, comm|Not tainted \S|Tainted: [A-Z][ A-Z]"
)
_TASK_WHOLE = Lazy(r"(?:Not tainted|Tainted: [A-Z][A-Z -]{0,60}?) {1,40}\d\S* #\d.*", re.A)
#: Lines to which nothing can be added.
_WHOLE = Lazy(
    r"(?:Call [Tt]race:|Backtrace:|</?(?:TASK|IRQ|SOFTIRQ|NMI|EOI|EOE|#DF|#DB)>|\]---|^[-=]{8,}"
    r"|\[ cut here \]-*|ttl[ed]:|#PF: (?:supervisor|user) .* mode|#PF: error_code\(0x[0-9a-f]+\) - .*"
    r"(?:page|violation|reserved bit.*))$"
)
#: With what the kernel begins a line of a report, so that such a line is nobody's rest.
_BEGINS = Lazy(
    r"(?:BUG: |WARNING: |INFO: |kernel BUG at |Oops|general protection|Internal error|Unable to handle"
    r"|Unhandled fault|RIP: |RIP  \[|EIP|IP: |Code: |Call [Tt]race:|Backtrace:|CPU: \d|Pid: \d"
    r"|Modules linked in:|Hardware name:|Workqueue: |---\[|[-=]{8,}|Kernel panic|Kernel Offset:"
    r"|Tainted: \[|#PF|PGD |Stack:|task: |task:|Process |note: |</?[A-Z#]{2,8}>|\[<[0-9a-f]{8,16}>\]"
    r"|\? ?\w|ESR = |Mem abort|Data abort|pc : |lr : |sp : |RSP <|All code|Code starting|rcu: "
    r"|watchdog: |Freed by|Allocated by|The buggy|Memory state|(?:Read|Write) of size|Reported by"
    r"|crash> |\(gdb\)|PID: \d| {0,4}#\d|[a-z_]{4,24}:\d)"
)
#: The disassembly that decode_stacktrace.sh writes between the lines
_DISASSEMBLY = Lazy(
    r"\s*[0-9a-f]{1,4}:\*?\t|\s{2,20}[0-9a-f]{1,4}:[*\s]|All code$|Code starting with"
)


def begins(text: str) -> bool:
    """Whether a line looks like one that the kernel begins like this, whatever it follows."""
    text = text.strip()
    return bool(_BEGINS.match(text) or _REGISTERS_BEGIN.match(text) or _FRAME.match(text))


def rest(text: str, follower: str, marked: bool, style: Style, length: int) -> Optional[str]:
    """The two lines as the one that they were; None when they were two.

    :param text: the line so far, its prefix stripped.
    :param follower: the next line, which has no prefix of its own.
    :param marked: whether the first has a prefix; then a line without any is suspect by itself.
    :param length: of the first as it stands in the file, in characters.
    """
    bare = follower.strip()
    head = text.strip()
    first = bare.split(None, 1)[0] if bare else ""
    if not bare or length + len(first) < NARROWEST or len(text) > LONGEST:
        return None
    if not head:  # broken right behind the prefix
        return follower if marked and begins(follower) else None
    if _WHOLE.search(head) or _DISASSEMBLY.match(follower):
        return None
    # One blank before the rest is the blank at which the line was broken; more are indentation.
    blank = text[-1:] == " " or (follower[:1] == " " and (style.hard or follower[1:2] != " "))
    for rule in (_arm, _frame, _placed, _code, _registers, _modules):
        known, glue = rule(head, bare, text, follower, blank, marked, style)
        if known:
            return None if glue is None else text.rstrip() + glue + bare
    return _free(text, bare, blank, marked, style, length)


def without_cut(text: str) -> str:
    """The line without what a cut at a column left over.

    less -S and pagers of debuggers put ``>`` where a line goes on beyond the screen. The word before
    it lacks its end: half an address is no address, and of a frame only the name is sure.
    """
    before, _, word = text.rpartition(" ")
    if "<" in word or len(word) < 2 or word[-2] in "-=>":
        return text
    name = re.match(rf"(?P<name>{_NAME})\+", word)
    return f"{before} {name['name']}" if name else before


#: Whether the rule knows such lines, and what stood between the two (None: they are two).
_Ruling = tuple[bool, Optional[str]]
_OTHERS: _Ruling = (False, None)
_TWO: _Ruling = (True, None)


def _module_glue(head: str, bare: str, blank: bool) -> Optional[str]:
    """``[name buildid]`` broken somewhere inside; None: it was not."""
    opened = _MODULE_OPEN.search(head)
    closing = _MODULE_REST.match(bare)
    if opened is None or closing is None:
        return None
    if opened["blank"]:
        return ""
    digits = closing["id"] or ""
    name = closing["name"]
    if not opened[0].endswith("[") and re.fullmatch(r"[0-9a-f]{16,64}", name) and not digits:
        return " "  # all of the build id
    return " " if blank and not opened[0].endswith("[") else ""


def _frame(
    head: str, bare: str, text: str, follower: str, blank: bool, marked: bool, style: Style
) -> _Ruling:
    if (glue := _module_glue(head, bare, blank)) is not None and "+0x" in head:
        return True, glue
    if _DECODED.fullmatch(head):
        return True, " " if _MODULE_WORD.fullmatch(bare) else None
    whole = _FRAME.fullmatch(head)
    if whole and not head.endswith("]"):
        if _MODULE.match(bare):
            return True, " "
        if _SIZE_REST.match(bare) and not blank and len(head.rsplit("/0x", 1)[1]) < 5:
            return True, ""
        return _TWO
    if whole:
        return _TWO
    if not _FRAME_BEGUN.fullmatch(head):
        return _OTHERS
    word = "[<" not in head and "+" not in head and not (marked or "?" in head)
    # One word by itself: the beginning of a name only if the rest stands at the margin.
    if word and not (text[:1] == " " and follower[:1] not in " \t" and style.hard):
        return _OTHERS
    for glue in (" ",) if head[-1] in "?]" else ("", " "):
        if _FRAME.fullmatch(head + glue + bare) or _FRAME_BEGUN.fullmatch(head + glue + bare):
            return True, glue
    return _OTHERS


#: arm: "[<c010>] (f) from [<c020>] (g+0x1/0x2 [mod])", later "f from g+0x1/0x2"
_ARM = Lazy(
    rf"(?:\[<[0-9a-f]{{8}}>\] )?\(?{_NAME}(?:\+0x[0-9a-f]{{1,16}}/0x[0-9a-f]{{1,16}})?(?: \[[\w-]+\])?\)?"
    rf" from (?:\[<[0-9a-f]{{8}}>\] )?\(?{_PLACE}{_TAIL}\)?",
    re.A,
)


def _arm(
    head: str, bare: str, text: str, follower: str, blank: bool, marked: bool, style: Style
) -> _Ruling:
    if " from" not in head and "from " not in bare[:40]:
        return _OTHERS
    if _ARM.fullmatch(head):
        return True, " " if _MODULE.match(bare) and head[-1] != ")" else None
    for glue in (" ", ""):
        if _ARM.fullmatch(head + glue + bare):
            return True, glue
    return _OTHERS


def _placed(
    head: str, bare: str, text: str, follower: str, blank: bool, marked: bool, style: Style
) -> _Ruling:
    placed = _PLACED.match(head)
    if placed is None:
        return _OTHERS
    if (glue := _module_glue(head, bare, blank)) is not None:
        return True, glue
    if re.match(r"(?:lr|pstate|psr|sp) ?: ?", bare):
        return True, " "
    if re.search(r"(?:pstate|psr):$", head):
        return True, " " if re.match(r"[0-9a-f]{8}", bare) else None
    where = re.sub(rf"^(?:{_ADDRESS}\s*)+", "", placed["rest"].strip())
    if not where or where.endswith(":"):
        begins = re.match(rf"(?:{_ADDRESS}|{_PLACE}|0x[0-9a-f])", bare)
        return True, (("" if head.endswith(":") and not blank else " ") if begins else None)
    if re.search(r"\[<[0-9a-f]{0,16}>?$", where):
        return True, "" if re.match(r"[0-9a-f]{0,16}>?\]", bare) else None
    if _FRAME.fullmatch(where):
        if _MODULE.match(bare) and not where.endswith("]"):
            return True, " "
        if _SIZE_REST.match(bare) and not blank and style.hard:
            return True, ""
        return True, " " if re.match(r"RSP: [0-9a-f]{16}|SS:ESP", bare) else None
    if _FRAME_BEGUN.fullmatch(where) and _FRAME_BEGUN.fullmatch(where + bare):
        return True, ""
    if _FRAME_BEGUN.fullmatch(where) and re.match(rf"{_PLACE}{_TAIL}(?: RSP:|$)", where + bare):
        return True, ""
    return _OTHERS


def _code(
    head: str, bare: str, text: str, follower: str, blank: bool, marked: bool, style: Style
) -> _Ruling:
    if not head.startswith("Code:") or head[6:].startswith(("Unable", "Bad")):
        return _OTHERS
    if not _BYTES.match(bare):
        return _TWO
    tokens = head[5:].split()
    if not tokens:
        return True, " "
    widths = [len(token.strip("<>()")) for token in tokens[:-1]] or [2]
    width = max(set(widths), key=widths.count)
    last = tokens[-1]
    first = bare.split()[0]
    have = len(last.strip("<>()"))
    if last in ("<", "(") or (have < width and have + len(first.strip("<>()")) <= width):
        return True, ""
    return True, "" if first in (">", ")") or (last[0] in "<(" and first[0] in ">)") else " "


def _registers(
    head: str, bare: str, text: str, follower: str, blank: bool, marked: bool, style: Style
) -> _Ruling:
    if not _REGISTER_LINE.match(head):
        return _OTHERS
    last = head.rsplit(None, 1)[-1]
    first = bare.split(None, 1)[0]
    # A name that was broken: "RB" and "X:"
    if ":" not in last and not re.fullmatch(r"[0-9a-f()]+", last):
        return (True, "") if _REGISTER_NAME.match(last + bare) else _OTHERS
    if _REGISTERS_BEGIN.match(bare) and not last.endswith(":"):
        return _TWO
    if _BEGINS.match(bare):
        return _TWO
    if not _REGISTERS_REST.match(bare):
        return _OTHERS
    if last.endswith(":"):
        # "RSP: 0018:" and its digits; "RBX:" and the blank that was dropped
        inner = re.search(r": ?[0-9a-f]{4}:$", head)
        return True, "" if inner else " "
    have = _NUMBER_END.search(head)
    more = _NUMBER_START.match(bare)
    if have and more:
        total = len(have["digits"]) + len(more["digits"])
        size = 8 if re.match(r"E[A-Z]{2}:", head) else 16
        selector = re.search(r"\b[CDES]S: [0-9a-f]{1,3}$", head)
        if total == (4 if selector else size) or (total == 8 and "FLAGS: " in head[-15:]):
            return True, ""
        return True, " " if blank else ""
    if have and re.match(r"[0-9a-f]{0,16}\(", bare):
        return True, ""
    return True, "" if first[:1] in ":(" and not blank else " "


def _modules(
    head: str, bare: str, text: str, follower: str, blank: bool, marked: bool, style: Style
) -> _Ruling:
    if not head.startswith("Modules linked in:"):
        return _OTHERS
    if "[last unloaded" in head and head.endswith("]"):
        return _TWO
    if _BEGINS.match(bare):
        return _TWO
    if not all(_MODULE_NAME.fullmatch(word) for word in bare.split("[last", 1)[0].split()):
        return _TWO
    return True, " " if blank or not style.hard else ""


def _free(
    text: str, bare: str, blank: bool, marked: bool, style: Style, length: int
) -> Optional[str]:
    """Lines whose text has no shape of its own."""
    head = text.strip()
    glues = (" ",) if blank else ("", " ") if style.hard else (" ", "")
    if _TASK_LINE.match(head):
        if _TASK_WHOLE.search(head) and not marked:
            return None
        if _BEGINS.match(bare) and not marked and not re.match(r"-{3,20} ", bare):
            return None
        return _task(head, bare, glues)
    if known := _known(head, bare, glues):
        return known
    if bare.startswith("{") and "RIP" in head:  # mce: the place behind the address
        return f"{head} {bare}"
    if _BEGINS.match(bare) or _FRAME.match(bare) or registry.header(bare) is not None:
        return None
    # Some records of the kernel have several lines, of which the later ones are not marked.
    if marked and style.wraps >= 3:
        room = style.width - length
        # At a blank a line is broken only when the next word does not fit.
        if style.width == 0 or (room > 1 if style.hard else room > len(bare.split(None, 1)[0])):
            return None
        return text.rstrip() + glues[0] + bare
    return None


def _task(head: str, bare: str, glues: tuple[str, ...]) -> str:
    """``CPU: … Comm: … Tainted: … release version``, where the words tell what they are."""
    # Blanks stand in columns here: "Tainted: G           OE       6.1"
    for glue in glues:
        whole = head + glue + bare
        torn = re.search(r"(?:Not |Not tainted|Tainted: [A-Z -]*)$", head)
        if glue == " " and torn:
            return whole
        if _TASK_WHOLE.search(whole) and not _TASK_WHOLE.search(head):
            return whole
    return head + glues[0] + bare


def _known(head: str, bare: str, glues: tuple[str, ...]) -> Optional[str]:
    """A header, a note or a panic: joined when it says more, or is one only then."""
    most = _said(head)
    if _BEGINS.match(bare):
        return None
    if most and not head.endswith((":", " in", " at")) and _FRAME.fullmatch(bare):
        if glues[0]:
            return None
        glues = ("",)  # a name that was broken; a frame after a whole line says nothing more
    best: Optional[str] = None
    for glue in glues:
        whole = head + glue + bare
        said = _said(whole)
        if said > most:
            best, most = whole, said
    if best is None and most == 0 and _HEADER_BEGUN.match(head):
        return head + glues[0] + bare  # broken more than once
    return best


_HEADER_BEGUN = Lazy(
    r"(?:general protection fault|Internal error|BUG: |WARNING: |(?:rcu: )?INFO: |kernel BUG at"
    r"|Unable to handle|Kernel panic|Unhandled fault|watchdog: BUG)"
)


#: Lines inside reports, of every kind
_SECTIONS = tuple(dict.fromkeys(row for kind in registry.INFO.values() for row in kind.sections))
_ROWS = (*registry.HEADERS, *registry.NOTES)


def _said(text: str) -> int:
    """How much a line says: 0 when it is neither header, note nor panic."""
    if (panic := panics.LINE.match(text)) is not None:
        row, details = registry.panic(panic["message"])
        return 10 + (5 if row is not registry.PLAIN_PANIC else 0) + len(details)
    said, match = 10, None
    if (found := registry.header(text) or registry.note(text)) is not None:
        match = found[1]
    else:
        said = 5
        match = next((m for row in _SECTIONS if (m := row.regex.match(text)) is not None), None)
    if match is None:
        return 0
    for name, value in match.groupdict().items():
        if value is not None:
            said += 2
            # An address with all its digits, a place with its size say more than their beginning.
            if name == "address":
                said += {8: 1, 16: 2, 18: 2}.get(len(value), 0)
            if name == "at" and _FRAME.fullmatch(value):
                said += 2 if value.endswith("]") else 1
    return said
