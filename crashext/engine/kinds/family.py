# SPDX-License-Identifier: GPL-2.0-or-later
"""What a family of crash kinds declares: the types of one row, one kind, one family.

A family file holds everything that is particular to its kinds: the lines that begin their reports,
the lines inside, the words of title, sentence and advice, and where the blame begins. The machinery
(log/, decide, title, story, advice, particulars, blame) knows no kind by name.

Rows are compared by identity: without ``__eq__`` and ``__repr__`` the classes are made in half the
time, and every start of the shell makes them.

Named groups of an expression fill the report: a group named like an attribute of
:class:`~crashext.engine.report.Report` sets it; any other goes to ``details``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from re import Pattern
from typing import NamedTuple, Optional, Union

from crashext.engine.arch.names import Machine, Trap
from crashext.engine.kinds.words import Kind
from crashext.engine.words import AccessType

#: The stack after a section's line is the report's own.
MAIN = ""


class Role(Enum):
    """How a line relates to a report that is already open."""

    START = "start"  # begins a report of its own
    ONGOING = "ongoing"  # begins a report; the die() header is still to come
    DIE = "die"  # die()'s header with [#n]: completes an ONGOING report or begins one


class _Expression:
    """Compiled at its first use: of some 200 expressions a log needs a dozen."""

    pattern: str

    @cached_property
    def regex(self) -> Pattern[str]:
        return re.compile(self.pattern, re.ASCII)


@dataclass(frozen=True, eq=False, repr=False)
class Header(_Expression):
    """A line that begins or renames a report, and what it says without any further line.

    The expression is anchored at the start of the line's text (its prefix is already stripped), so
    that words quoted by another program do not count. The exception is die()'s header: its ``[#n]``
    is unmistakable, and a console that lost a line end may show it behind other text.
    """

    kind: Kind
    role: Role
    literal: str  # must be in the line: the cheap test before the expression
    pattern: str
    fatal: bool = False
    trap: Optional[Trap] = None
    machine: Optional[Machine] = None
    access: Optional[AccessType] = None
    #: Frames follow the line at once, without "Call Trace:".
    frames: bool = False
    #: A die() header that knows better than the line before it.
    certain: bool = False
    #: Joins an open report of its kind that has no such detail yet.
    joins_without: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Note(_Expression):
    """A line that says more about the report before which, or in which, it stands."""

    #: None: it renames no report.
    kind: Optional[Kind]
    literal: str  # must be in the line
    pattern: str


@dataclass(frozen=True, eq=False, repr=False)
class Section(_Expression):
    """A line inside a report of one kind. ``source`` names the address of a group ``address``.

    It may begin a stack: the report's own (``MAIN``), or one that goes to ``Report.other_stacks``
    under the name ``stack``.
    """

    pattern: str
    stack: Optional[str] = None
    #: The stack is the report's own as long as that has no frames; later ones go to ``stack``.
    first_is_main: bool = False
    source: str = ""
    #: The CPU and register lines that follow are of another CPU or task than the report's.
    foreign: bool = False


class Ends(Enum):
    """Which earlier report a panic may be the end of, beside those of named kinds."""

    FATAL = "fatal"  # any fatal one: die() panics last
    ANY = "any"  # any report at all: panic_on_warn


@dataclass(frozen=True, eq=False, repr=False)
class Panic(_Expression):
    """What a text after ``Kernel panic - not syncing:`` means (a caller of panic())."""

    pattern: str
    #: Kind of a report that has nothing but this message.
    kind: Kind
    #: The earlier report that this message ends.
    ends: tuple[Union[Kind, Ends], ...] = ()


class Needle(NamedTuple):
    """Bytes that the log scanner looks for (:mod:`crashext.engine.log.prefilter`).

    ``trace``: what is left of it where only rare bytes are kept. b"": it is searched in the text
    itself, for needles that are long or end in a byte that is rare there.
    """

    text: bytes
    trace: bytes = b""


class Step(NamedTuple):
    """A next step. Left out where a name in its braces is not known."""

    text: str
    crash: Optional[str] = None
    drgn: Optional[str] = None


class Anchor(Enum):
    """Where the search for the frame to act on begins."""

    WORD = "word"  # the report's own "in F", "at F", "at: F"
    RIP = "rip"  # the registers of the code that was interrupted
    STACK = "stack"  # outwards from the innermost frame that can be trusted
    CODE_POINTER = "code pointer"  # RIP is no code: who called it
    PANIC_CALLER = "caller of panic()"
    RECURSION = "recursion"  # the function that calls itself
    CANARY = "canary"  # the caller of __stack_chk_fail()
    ASKED = "asked for"  # who asked for the crash
    ALLOCATION = "allocation"  # who asked for the page
    OBJECT = "object"  # who allocated or freed the object
    BLOCKED = "blocked"  # what the task waits in is passed over, who made it wait is named
    NONE = "none"  # no function is to blame


#: Details in words: rows by which a report's details become a finding. Of a tuple of alternatives
#: the first that can be filled counts.
FactRow = Union[str, tuple[str, ...]]


@dataclass(frozen=True, eq=False, repr=False)
class KindInfo:
    """Everything that one kind says."""

    name: Kind
    #: One sentence for docs/kinds.md.
    meaning: str
    #: The title's first words; {access} and {in_access} are the access in words.
    title: str
    #: What happened, for a sentence; {where} is function and module, {message} the kernel's own.
    event: str
    #: What to do next.
    advice: tuple[Step, ...]
    #: Lines inside its report, tried in order.
    sections: tuple[Section, ...] = ()
    #: The first row that can be filled is the finding's text, the others are its detail.
    facts: tuple[FactRow, ...] = ()
    #: The same for a report of SLUB's own checks, which name a cache.
    facts_of_cache: tuple[FactRow, ...] = ()
    #: Details that name the sub-kind in the title, the first that is there.
    title_details: tuple[str, ...] = ()
    #: Tried in order, see :class:`Anchor`.
    anchors: tuple[Anchor, ...] = (Anchor.STACK,)
    #: Roles (keys of engine/blame's) that are passed over in addition to those always passed over.
    skips: frozenset[str] = frozenset()
    #: Why the caller of a helper is blamed; None: the helper's own reason. With a key of a role:
    #: only for helpers of that role.
    caller_reason: Optional[str] = None
    caller_reason_role: Optional[str] = None
    #: The instruction at RIP accessed memory: the sentence tells address and size.
    memory: bool = False
    #: The lines of a log tell it only roughly: the address and the code decide.
    rough: bool = False
    #: What it is once a panic ends it.
    panicked: Optional[Kind] = None
    #: A second line before die() that says the same fault less precisely does not rename it.
    precise: bool = False
    #: The task or CPU sits somewhere, found by a watchdog: what it waits in is passed over.
    stuck: bool = False
    #: A CPU was found in it: its registers, if any, stand inside the trace.
    stalled: bool = False
    #: Of a slab object: since 6.12 or so a WARN() of mm/slub.c may end it.
    of_an_object: bool = False
    #: Why the report does not settle who is to blame, where it never does.
    unsettled: str = ""
    #: Tables of who has the memory follow its stack.
    of_memory: bool = False
    #: Its task is in the header; the CPU lines in it are of the watcher.
    others_task: bool = False
    #: Printed by a function that another one called because it saw damage.
    reported: bool = False


class Site(NamedTuple):
    """A BUG() or WARN() whose place alone tells what was wrong.

    ``kernel BUG at lib/list_debug.c:33!`` is a list corruption, whichever line it is: the file and
    the function say so, in every version. The message before the report says it too, but can be cut
    off. Line numbers decide nothing.
    """

    #: End of the file's path, "" for any file.
    file: str
    kind: Kind
    why: str
    #: Expression that the whole function name must match (without suffixes); "" for any.
    function: str = ""
    #: Of a BUG() only: a WARN() there is of something else.
    bug_only: bool = False
    #: What the place can mean, where it does not tell which of it.
    readings: tuple[str, ...] = ()
    #: The kind that it is where three registers hold one kernel pointer, and why: the check
    #: compared what it was given with what was stored; an argument alone is kept in two at most.
    same_pointer: Optional[tuple[Kind, str]] = None


@dataclass(frozen=True, eq=False, repr=False)
class Remark(_Expression):
    """What a headline, panic message or text of WARN() means that its kind is too wide for.

    ``pattern`` is searched in these. ``event`` is filled from its named groups and the details (a
    tuple: the first that can be filled counts).
    """

    pattern: str
    title: str
    event: tuple[str, ...]
    advice: str
    #: Why no function is to blame, where none is.
    nobody: str = ""
    #: The report's own words name the function to act on (a detail ``named``), and why it is.
    named: str = ""
    #: Why the function that the stack shows need not be the one, where it need not.
    doubt: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Family:
    """One family: its kinds and all lines by which they are recognised."""

    name: str
    #: One sentence for docs/kinds.md.
    meaning: str
    kinds: tuple[KindInfo, ...]
    headers: tuple[Header, ...] = ()
    notes: tuple[Note, ...] = ()
    panics: tuple[Panic, ...] = ()
    needles: tuple[Needle, ...] = ()
    #: Ends of source files (and of functions) whose BUG() or WARN() is of one kind.
    sites: tuple[Site, ...] = ()
    #: Headlines and panic messages with a meaning of their own.
    remarks: tuple[Remark, ...] = ()
