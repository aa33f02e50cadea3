# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the log parser under atheris for a bounded time: ``make fuzz``.

The seeds are the logs of tests/data/logs and tests/fuzz/corpus (inputs that once were a find). What
it finds is written to tests/fuzz/found and makes the run fail; after the mend the file moves to
tests/fuzz/corpus, where a unit test keeps it. Without atheris (no wheel for this Python) the same
check runs on blind mutations of the seeds.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOUND = HERE / "found"
SEEDS = (HERE.parent / "data" / "logs", HERE / "corpus")
#: Longer inputs are slow to mutate and hold nothing that a short one cannot.
MAX_BYTES = 16 * 1024
#: Seconds for one input: work that grows faster than the text ends here.
TIMEOUT = 10

sys.path.insert(0, str(HERE))


def seeds() -> list[bytes]:
    """All seed inputs, cut to the length that the fuzzer works with."""
    files = [path for place in SEEDS for path in sorted(place.glob("*")) if path.suffix != ".json"]
    return [path.read_bytes()[-MAX_BYTES:] for path in files]


def dictionary() -> list[bytes]:
    """The words that begin reports, for mutations that put them anywhere."""
    from crashext.engine.kinds.registry import HEADERS, NOTES

    words = [row.literal.encode() for row in (*HEADERS, *NOTES)]
    more = (
        b"Kernel panic - not syncing: ",
        b"Call Trace:\n",
        b" <IRQ>\n",
        b"[   12.345678][    C1] ",
        b"RIP: 0010:f+0x1/0x2\n",
        b"RIP: 0033:0x1\n",
        b"---[ end trace 0000000000000000 ]---\n",
        b"NMI backtrace for cpu 1\n",
        b"Modules linked in: ",
        b"Linux version 6",
    )
    return sorted(set(words) | set(more))


def with_atheris(seconds: int) -> int:
    """libFuzzer in a process of its own: it ends with os._exit()."""
    FOUND.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        corpus = Path(place, "corpus")
        corpus.mkdir()
        for number, data in enumerate(seeds()):
            (corpus / f"seed-{number}").write_bytes(data)
        words = Path(place, "words.dict")
        words.write_text(
            "".join(
                '"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in dictionary()
            )
        )
        command = [sys.executable, __file__, "--libfuzzer", str(corpus), f"-dict={words}",
                   f"-max_total_time={seconds}", f"-max_len={MAX_BYTES}", f"-timeout={TIMEOUT}",
                   f"-artifact_prefix={FOUND}/", "-print_final_stats=1"]  # fmt: skip
        result = subprocess.run(command, check=False)
    found = sorted(FOUND.iterdir())
    if not found:
        FOUND.rmdir()
    for path in found:
        print(f"found: {path}")
    return 1 if found or result.returncode else 0


def libfuzzer(arguments: list[str]) -> None:
    """The child of :func:`with_atheris`; does not return."""
    import atheris

    with atheris.instrument_imports(include=["crashext.engine.log"]):
        from target import check

    atheris.Setup([sys.argv[0], *arguments], check)
    atheris.Fuzz()


def blind(seconds: int) -> int:
    """Random cuts, swaps, insertions and byte changes, without coverage to guide them."""
    from target import check

    end = time.monotonic() + seconds
    chance = random.Random(time.time_ns())
    inputs, words = seeds(), dictionary()
    runs = 0
    while time.monotonic() < end:
        data = bytearray(chance.choice(inputs))
        for _ in range(chance.randint(1, 8)):
            at = chance.randint(0, len(data))
            kind = chance.randint(0, 3)
            if kind == 0:
                data[at:at] = chance.choice(words)
            elif kind == 1:
                data[at : at + chance.randint(0, 200)] = b""
            elif kind == 2:
                other = chance.choice(inputs)
                start = chance.randint(0, len(other))
                data[at:at] = other[start : start + chance.randint(0, 400)]
            elif data:
                data[min(at, len(data) - 1)] = chance.randint(0, 255)
        try:
            check(bytes(data))
        except Exception as error:
            FOUND.mkdir(exist_ok=True)
            path = FOUND / f"blind-{runs}"
            path.write_bytes(data)
            print(f"found: {path}: {error!r}")
            return 1
        runs += 1
    print(f"{runs} inputs in {seconds} s, nothing found")
    return 0


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--libfuzzer"]:
        libfuzzer(arguments[1:])
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--blind", action="store_true", help="without atheris")
    options = parser.parse_args(arguments)
    if not options.blind:
        try:
            import atheris  # noqa: F401
        except ImportError:
            install = [sys.executable, "-m", "pip", "install", "--quiet", "atheris"]
            if subprocess.run(install, check=False).returncode:
                print("atheris cannot be installed for this Python: blind mutations instead")
                options.blind = True
    return blind(options.seconds) if options.blind else with_atheris(options.seconds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
