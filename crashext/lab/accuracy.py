# SPDX-License-Identifier: GPL-2.0-or-later
"""How often an explanation is right: ``python -m crashext.lab.accuracy`` (``make accuracy``).

Every fault of the menu, on several kernels, in several dump formats, explained by every door,
compared with the truth. Writes ``docs/accuracy.md`` and ``docs/accuracy.json``; ends with status
1 when a field that was right is wrong now. What has been asked with the same engine and the same
dump is not asked again, so an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Optional

import crashext
from crashext.errors import CrashextError
from crashext.lab import doors
from crashext.lab.cache import Cache
from crashext.lab.compare import UNKNOWABLE, compare
from crashext.lab.kernels import NEWEST, Kernel, Kernels
from crashext.lab.report import Answer, Table, markdown
from crashext.lab.store import Dump, Store
from crashext.lab.template import generate
from crashext.lab.truth import menu_of

KERNELS = ("6.1", "6.12", "5.10", NEWEST)
#: The whole menu is run in the format of servers; these faults in the other formats as well.
FORMAT_SAMPLE = ("null-write-unload", "struct-member-of-null", "use-after-free", "stack-overflow",
                 "null-work", "hung-task")  # fmt: skip
FORMAT_KERNELS = ("6.1", "6.12")
#: The suite whose crash reads every kernel here, and older ones that are tried on the sample.
CRASH = "sid"
OLDER_CRASHES = {"5.10": ("bookworm", "trixie"), "6.1": ("bookworm", "trixie"),
                 "6.12": ("trixie",)}  # fmt: skip
_LOG, _DRGN = "log", "drgn"
#: Faults that the lab cannot show, and why.
NOT_SHOWN = {
    "hard-lockup": "the detector needs a performance counter, which QEMU's TCG does not have"
}


def _public(error: Exception) -> str:
    """An error for the documents: without where this machine keeps its files."""
    return str(error).replace(str(Path.home()), "~")


@dataclass(frozen=True)
class Question:
    """One cell of the matrix."""

    kernel: str
    dump: str
    fault: str
    door: str  # "log", "drgn", "crash:<suite>"

    @property
    def key(self) -> str:
        return "|".join((self.kernel, self.dump, self.fault, self.door))

    @property
    def by_crash(self) -> bool:
        return self.door not in (_LOG, _DRGN)


def matrix(faults: Sequence[str]) -> list[Question]:
    """All questions, those of one dump beside each other."""
    questions = []
    for kernel in KERNELS:
        for fault in faults:
            if fault in NOT_SHOWN:
                continue
            asked = [_LOG, _DRGN, f"crash:{CRASH}"]
            if fault in FORMAT_SAMPLE:
                asked += [f"crash:{suite}" for suite in OLDER_CRASHES.get(kernel, ())]
            questions += [Question(kernel, "kdump", fault, door) for door in asked]
            if fault in FORMAT_SAMPLE and kernel in FORMAT_KERNELS:
                for dump in ("elf", "kdump-real"):
                    questions += [Question(kernel, dump, fault, door) for door in asked[:3]]
    return questions


def selected(questions: Iterable[Question], only: Optional[str]) -> list[Question]:
    """The questions that fit ``--only``: words with commas between.

    Words of one column are alternatives, columns restrict each other. ``crash`` stands for every
    crash. Raises CrashextError for a word that is in no column.
    """
    questions = list(questions)
    if not only:
        return questions
    columns: dict[str, set[str]] = {}
    for word in (word.strip() for word in only.split(",")):
        column = _column(questions, word)
        if column is None:
            raise CrashextError(f"--only: no kernel, dump format, fault or door is called {word}")
        columns.setdefault(column, set()).add(word)
    return [
        question for question in questions
        if all(any(_fits(question, column, word) for word in words)
               for column, words in columns.items())
    ]  # fmt: skip


def _column(questions: Sequence[Question], word: str) -> Optional[str]:
    for column in ("kernel", "dump", "fault", "door"):
        if any(_fits(question, column, word) for question in questions):
            return column
    return None


def _fits(question: Question, column: str, word: str) -> bool:
    value = str(getattr(question, column))
    return value == word or (column == "door" and value.split(":")[0] == word)


def needed(note: str) -> list[str]:
    """The configuration symbols that a fault's note says it needs.

    >>> needed("needs CONFIG_DEBUG_LIST and CONFIG_BUG_ON_DATA_CORRUPTION")
    ['CONFIG_DEBUG_LIST', 'CONFIG_BUG_ON_DATA_CORRUPTION']
    """
    match = re.match(r"needs (CONFIG_\w+(?: and CONFIG_\w+)*)", note)
    return match[1].split(" and ") if match else []


def symbols_of(module: Path) -> list[str]:
    """The names in a module's symbol table (by ``nm``)."""
    result = subprocess.run(["nm", str(module)], capture_output=True, text=True, check=False)
    return [line.split()[-1] for line in result.stdout.splitlines() if line]


class Run:
    """Makes dumps, asks the doors, remembers the answers."""

    def __init__(self, cache: Cache, module: Path) -> None:
        self._cache = cache
        self._module = module
        self._store = Store(cache)
        self.kernels: dict[str, Kernel] = {}
        self._engine = doors.engine_digest()
        self.versions: dict[str, str] = {}

    def kernel(self, wanted: str) -> Kernel:
        if wanted not in self.kernels:
            self.kernels[wanted] = Kernels(self._cache).get(wanted)
        return self.kernels[wanted]

    def shows(self, question: Question) -> bool:
        """Whether the kernel is configured for a fault (``needs CONFIG_…`` in the menu)."""
        note = menu_of(self._module)[question.fault].note
        return all(self.kernel(question.kernel).configured(symbol) for symbol in needed(note))

    def dump(self, question: Question) -> Dump:
        return self._store.get(
            self._module, question.fault, self.kernel(question.kernel), question.dump
        )

    def answer(self, question: Question) -> Answer:
        """The compared answer to one question; a door that fails is an answer as well."""
        try:
            dump = self.dump(question)
        except CrashextError as error:
            return Answer(question.key, {}, error=f"no dump: {_public(error)}")
        kept = self._cache.path("answers", f"{dump.out.name}-{question.door}.json")
        made_of = {"engine": self._engine, "truth": asdict(dump.truth)}
        known = _known(kept, made_of)
        if known is not None:
            return known
        try:
            found = self._ask(question, dump)
        except CrashextError as error:
            return Answer(question.key, {}, error=_public(error))
        door = question.door.split(":")[0]
        log = dump.dmesg.read_text(errors="replace")
        cells = compare(found, dump.truth, log, door, symbols_of(dump.module))
        answer = Answer(question.key, cells)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps({**made_of, "answer": answer.json()}))
        return answer

    def _ask(self, question: Question, dump: Dump) -> dict[str, Any]:
        if question.door == _LOG:
            return doors.ask(doors.log_words(dump))
        if question.door == _DRGN:
            return doors.ask(doors.drgn_words(dump))
        crash = doors.crash_of(question.door.split(":")[1], self._cache)
        self.versions[question.door] = crash.version
        return crash.ask(dump)


def _known(kept: Path, made_of: dict[str, Any]) -> Optional[Answer]:
    """An answer that was given before, if it was made of the same things."""
    try:
        record: dict[str, Any] = json.loads(kept.read_text())
    except (FileNotFoundError, ValueError):
        return None
    if any(record.get(name) != value for name, value in made_of.items()):
        return None
    return Answer.from_json(record["answer"])


def answers(run: Run, questions: Sequence[Question], workers: int) -> Iterator[Answer]:
    """Asks ``workers`` dumps at a time; says how far it is on stderr."""
    # The slow door last: an interrupted run has then something to say about every fault.
    groups: dict[tuple[bool, str, str, str], list[Question]] = {}
    for question in sorted(questions, key=lambda question: question.by_crash):
        place = (question.by_crash, question.kernel, question.dump, question.fault)
        groups.setdefault(place, []).append(question)
    for kernel in dict.fromkeys(question.kernel for question in questions):
        run.kernel(kernel)  # fetched one after the other, before the workers start
    questions = [question for question in questions if run.shows(question)]
    groups = {place: asked for place, asked in groups.items() if run.shows(asked[0])}
    done = 0
    pool = concurrent.futures.ThreadPoolExecutor(workers)
    try:
        jobs = [pool.submit(lambda group=group: [run.answer(q) for q in group])  # type: ignore[misc]
                for group in groups.values()]  # fmt: skip
        for job in concurrent.futures.as_completed(jobs):
            for answer in job.result():
                done += 1
                print(f"[{done}/{len(questions)}] {answer.line()}", file=sys.stderr, flush=True)
                yield answer
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def docs_directory() -> Path:
    """Where the table is kept: ``docs`` of this source tree."""
    return Path(crashext.__file__).resolve().parent.parent / "docs"


def versions(run: Run) -> dict[str, str]:
    """What the table was made with."""
    lines = {"crashext": crashext.__version__}
    for name, words in {
        "drgn": [sys.executable, "-c", "import drgn; print(drgn.__version__)"],
        "qemu": ["qemu-system-x86_64", "--version"],
        "gcc": ["gcc", "--version"],
    }.items():
        result = subprocess.run(words, capture_output=True, text=True, check=False)
        lines[name] = result.stdout.splitlines()[0] if result.stdout else "?"
    lines.update({f"Linux {wanted}": kernel.release for wanted, kernel in run.kernels.items()})
    return {**lines, **run.versions}


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Runs the matrix or a part of it; the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m crashext.lab.accuracy",
        description="Compares explanations of real crashes with the known truth.",
    )
    parser.add_argument("--only", metavar="WORDS",
                        help="a part: kernels, formats, faults, doors, with commas "
                        "(6.1,drgn,null-write)")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="dumps at a time")
    parser.add_argument("--docs", type=Path, default=None, metavar="DIR",
                        help="where accuracy.md and accuracy.json are (default: docs)")  # fmt: skip
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # written down as after Ctrl-C
    docs: Path = options.docs or docs_directory()
    try:
        cache = Cache()
        module = generate(cache)
        faults = list(menu_of(module))
        run = Run(cache, module)
        questions = selected(matrix(faults), options.only)
        before = Table.read(docs / "accuracy.json")
    except CrashextError as error:
        print(f"accuracy: {error}", file=sys.stderr)
        return 2
    now = Table({}, {}, "")
    status = 0
    try:
        for answer in answers(run, questions, options.jobs):
            now.answers[answer.key] = answer
    except CrashextError as error:
        print(f"accuracy: {error}", file=sys.stderr)
        status = 2
    except KeyboardInterrupt:
        print("accuracy: interrupted; the next run goes on from here", file=sys.stderr)
        status = 130
    worse = before.regressions(now)
    table = before.updated(now, {question.key for question in matrix(faults)})
    table.versions = {**before.versions, **versions(run)}
    table.date = datetime.date.today().isoformat()
    docs.mkdir(parents=True, exist_ok=True)
    table.write(docs / "accuracy.json")
    (docs / "accuracy.md").write_text(markdown(table, UNKNOWABLE, NOT_SHOWN))
    for line in table.summary():
        print(line)
    for line in worse:
        print(f"accuracy: was right, is wrong: {line}", file=sys.stderr)
    return status or int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
