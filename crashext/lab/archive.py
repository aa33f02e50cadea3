# SPDX-License-Identifier: GPL-2.0-or-later
"""Packages of any Debian suite, by a private apt configuration.

The system's own apt (sources, lists, installed packages) is read for the mirror and the keyring
and is never changed. apt itself checks signatures and sums; no root needed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from crashext.errors import CrashextError
from crashext.lab.cache import Cache, no_space_named, sha256
from crashext.lab.progress import step

#: Where kernels and tools are looked for, oldest first.
SUITES = ("bullseye", "bookworm", "bookworm-backports", "trixie", "trixie-backports", "sid")
#: Seconds after which a suite's index is fetched again.
INDEX_AGE = 24 * 3600
#: Debian 13 has the first name, Debian 12 the second.
_DEFAULT_KEYRINGS = (
    "/usr/share/keyrings/debian-archive-keyring.pgp",
    "/usr/share/keyrings/debian-archive-keyring.gpg",
)


class NotThere(CrashextError):
    """The mirror does not have a file that its index names."""


@dataclass(frozen=True)
class Source:
    """One line of apt's sources: a mirror and what it is used for."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: Optional[str] = None


def parse_stanzas(text: str) -> list[dict[str, str]]:
    """Debian control paragraphs (deb822(5)); a continued field keeps its lines.

    Comment lines are dropped, field names are in lower case.
    """
    stanzas = []
    for paragraph in re.split(r"\n[ \t]*\n", text):
        fields: dict[str, str] = {}
        last = None
        for line in paragraph.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if line[0] in " \t":
                if last is not None:
                    fields[last] += "\n" + line.strip()
                continue
            name, colon, value = line.partition(":")
            if colon:
                last = name.strip().lower()
                fields[last] = value.strip()
        if fields:
            stanzas.append(fields)
    return stanzas


def parse_sources(text: str) -> list[Source]:
    """The ``deb`` sources of a ``.sources`` file (deb822 style, sources.list(5))."""
    found = []
    for stanza in parse_stanzas(text):
        if stanza.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in stanza.get("types", "").split():
            continue
        signed_by = stanza.get("signed-by")
        for uri in stanza.get("uris", "").split():
            found.append(
                Source(
                    uri.rstrip("/"),
                    tuple(stanza.get("suites", "").split()),
                    tuple(stanza.get("components", "").split()),
                    signed_by if signed_by and signed_by.startswith("/") else None,
                )
            )
    return found


_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>\S+)\s+(?P<rest>\S.*)$")


def parse_sources_list(text: str) -> list[Source]:
    """The ``deb`` lines of a ``sources.list`` file (one-line style, sources.list(5))."""
    found = []
    for raw in text.splitlines():
        match = _ONE_LINE.match(raw.split("#")[0].strip())
        if not match:
            continue
        options = dict(
            option.split("=", 1) for option in (match["options"] or "").split() if "=" in option
        )
        suite, *components = match["rest"].split()
        found.append(
            Source(match["uri"].rstrip("/"), (suite,), tuple(components), options.get("signed-by"))
        )
    return found


def system_sources(etc: Path = Path("/etc/apt")) -> list[Source]:
    """All sources of the system's apt."""
    sources = []
    candidates = [etc / "sources.list"]
    parts = etc / "sources.list.d"
    if parts.is_dir():
        candidates += sorted(parts.iterdir())
    for path in candidates:
        if not path.is_file():
            continue
        text = path.read_text(errors="replace")
        if path.suffix == ".sources":
            sources += parse_sources(text)
        elif path.suffix == ".list":
            sources += parse_sources_list(text)
    return sources


@dataclass(frozen=True)
class Mirrors:
    """The Debian mirror and the security mirror of this system."""

    main: str
    security: Optional[str]
    keyring: Optional[str]


def mirrors(sources: Iterable[Source], codename: str) -> Mirrors:
    """Chooses the mirrors of Debian's ``codename`` from the system's sources.

    Raises CrashextError when there is none, as on a system that is not Debian.
    """
    names = {codename, "stable", "oldstable", "testing", "unstable", "sid"}
    main = security = keyring = None
    for source in sources:
        if "main" not in source.components or source.uri.startswith("cdrom:"):
            continue
        for suite in source.suites:
            if suite in names and main is None:
                main, keyring = source.uri, source.signed_by
            elif re.fullmatch(r"[a-z]+(-security|/updates)", suite) and security is None:
                security = source.uri
    if main is None:
        raise CrashextError(
            f"apt's sources name no Debian mirror for {codename}: add Debian's 'main' to "
            "/etc/apt/sources.list.d, the lab takes its kernels from there"
        )
    if keyring is None:
        keyring = next((path for path in _DEFAULT_KEYRINGS if Path(path).exists()), None)
    return Mirrors(main, security, keyring)


def host_codename(os_release: Path = Path("/etc/os-release")) -> str:
    """The Debian release this system runs, e.g. ``bookworm``; ``sid`` where it has none."""
    match = re.search(r"^VERSION_CODENAME=\"?(\w+)", os_release.read_text(), re.MULTILINE)
    return match[1] if match else "sid"


def search_order(codename: str) -> list[str]:
    """Suites in the order to look for a kernel or a tool.

    First the host's own and its backports (what they hold runs here as it is), then older ones,
    the nearest first (programs of an older Debian run on a newer one), then newer ones.
    """
    own = [suite for suite in SUITES if suite.split("-")[0] == codename]
    if not own:
        return list(SUITES)
    first, last = SUITES.index(own[0]), SUITES.index(own[-1])
    return own + list(reversed(SUITES[:first])) + list(SUITES[last + 1 :])


def sources_list(suite: str, found: Mirrors) -> str:
    """The text of a private ``sources.list`` for one suite."""
    signed = f" [signed-by={found.keyring}]" if found.keyring else ""
    lines = [f"deb{signed} {found.main} {suite} main"]
    if suite != "sid" and not suite.endswith("-backports"):
        lines.append(f"deb{signed} {found.main} {suite}-updates main")
        if found.security:
            lines.append(f"deb{signed} {found.security} {suite}-security main")
    return "\n".join(lines) + "\n"


@dataclass
class Package:
    """One version of one package as the archive's index describes it. ``size`` in bytes."""

    name: str
    version: str
    architecture: str
    depends: list[str] = field(default_factory=list)
    size: int = 0
    sha256: str = ""

    @classmethod
    def from_stanza(cls, stanza: dict[str, str]) -> Package:
        return cls(
            stanza["package"],
            stanza["version"],
            stanza.get("architecture", ""),
            dependency_names(stanza.get("pre-depends", "") + "," + stanza.get("depends", "")),
            int(stanza.get("size", "0")),
            stanza.get("sha256", ""),
        )


def dependency_names(field_text: str) -> list[str]:
    """Names in a Depends field; of alternatives the first."""
    names = []
    for group in field_text.split(","):
        match = re.match(r"\s*([a-z0-9][a-z0-9+.-]+)", group)
        if match:
            names.append(match[1])
    return names


def newer(left: str, right: str) -> bool:
    """Whether Debian version ``left`` is later than ``right`` (deb-version(7), by dpkg)."""
    command = ["dpkg", "--compare-versions", left, "gt", right]
    return subprocess.run(command, check=False).returncode == 0


def newest(packages: Iterable[Package]) -> Optional[Package]:
    best: Optional[Package] = None
    for package in packages:
        if best is None or newer(package.version, best.version):
            best = package
    return best


class Archive:
    """One suite of Debian's archive for one architecture (``amd64``, ``arm64``)."""

    def __init__(self, suite: str, arch: str, cache: Cache) -> None:
        self.suite = suite
        self.arch = arch
        self._cache = cache
        self._dir = cache.path("apt", f"{suite}-{arch}")
        self._config = self._dir / "apt.conf"
        self._ready = False

    def _configure(self) -> None:
        found = mirrors(system_sources(), host_codename())
        with no_space_named(self._dir):
            for name in ("state/lists/partial", "cache/archives/partial"):
                (self._dir / name).mkdir(parents=True, exist_ok=True)
            (self._dir / "state" / "status").touch()
            sources = self._dir / "sources.list"
            text = sources_list(self.suite, found)
            if not sources.exists() or sources.read_text() != text:
                sources.write_text(text)
                self._stamp.unlink(missing_ok=True)
            here = self._dir
            # Suites that ended, and mirrors that lag, have Release files past their date; the
            # signatures are checked all the same.
            # Hooks of the system (docker images delete /var/cache/apt after each run) and its
            # preferences are about the system's packages; proxies and the like are kept.
            self._config.write_text(
                f"""#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
#clear DPkg;
#clear APT::Architectures;
Dir::State "{here}/state";
Dir::State::status "{here}/state/status";
Dir::Cache "{here}/cache";
Dir::Etc::sourcelist "{here}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{self.arch}";
APT::Architectures {{ "{self.arch}"; }};
APT::Default-Release "";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
"""
            )

    @property
    def _stamp(self) -> Path:
        return self._dir / "updated"

    def _fresh(self) -> bool:
        try:
            return time.time() - self._stamp.stat().st_mtime < INDEX_AGE
        except FileNotFoundError:
            return False

    def update(self, force: bool = False) -> None:
        """Fetches the suite's index unless a recent one is there.

        Raises CrashextError without network; an older index is then used if there is one.
        """
        if self._ready and not force:
            return
        if shutil.which("apt-get") is None:
            raise CrashextError("apt-get is not here: the lab needs Debian (12 or 13)")
        with self._cache.lock(f"apt-{self.suite}-{self.arch}"):
            self._configure()
            if force or not self._fresh():
                with step(f"Reading the package index of Debian {self.suite}/{self.arch}"):
                    # By itself apt ends with 0 when it could not fetch an index.
                    words = ["apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", "update"]
                    result = self._run(words)
                    if result.returncode != 0 and self._no_index():
                        raise CrashextError(
                            f"cannot read the index of Debian {self.suite}: "
                            f"{_apt_reason(result.stderr)}; check the network and "
                            "'apt-get update'"
                        )
                    # An index of before, or one without -updates, is good enough.
                    self._stamp.touch()
        self._ready = True

    def _no_index(self) -> bool:
        lists = self._dir / "state" / "lists"
        wanted = f"_dists_{self.suite}_main_binary-{self.arch}_Packages"
        return not any(wanted in path.name for path in lists.iterdir())

    def _run(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        full = [command[0], "-c", str(self._config), *command[1:]]
        environment = dict(os.environ, LC_ALL="C.UTF-8")
        return subprocess.run(full, text=True, capture_output=True, env=environment, check=False)

    def names(self, prefix: str) -> list[str]:
        """All package names that begin so."""
        self.update()
        return sorted(self._run(["apt-cache", "pkgnames", prefix]).stdout.split())

    def show(self, names: Sequence[str]) -> list[Package]:
        """Every version of these packages; names that the suite lacks are left out."""
        self.update()
        if not names:
            return []
        output = self._run(["apt-cache", "show", "--", *names]).stdout
        return [Package.from_stanza(stanza) for stanza in parse_stanzas(output)]

    def find(self, name: str) -> Optional[Package]:
        """The newest version of a package in this suite."""
        return newest(self.show([name]))

    def download(self, packages: Sequence[Package], into: Path) -> list[Path]:
        """Fetches .deb files into a directory and checks their SHA-256; their paths, in order.

        What is there already and whole is not fetched again. Raises NotThere, and CrashextError
        for no network, no space or a broken download.
        """
        self.update()
        size = sum(package.size for package in packages)
        what = f"{packages[0].name} {packages[0].version}"
        if len(packages) > 1:
            what += f" and {len(packages) - 1} more packages"
        with step(f"Fetching {what} ({size / 1e6:.1f} MB)") as running, no_space_named(into):
            free = shutil.disk_usage(into).free
            if free < size:
                raise CrashextError(
                    f"no space left in {into}: {what} needs {size / 1e6:.0f} MB, "
                    f"{free / 1e6:.0f} MB are free; set XDG_CACHE_HOME to a larger disk"
                )
            wanted = [f"{package.name}={package.version}" for package in packages]
            result = self._fetch(wanted, into, running.update)
            if result.returncode != 0:
                reason = _apt_reason(result.stderr)
                if re.search(r"\b404\b", reason):
                    raise NotThere(f"{what} has left Debian {self.suite}: {reason}")
                raise CrashextError(
                    f"cannot fetch {what} of Debian {self.suite}: {reason}; "
                    "check the network and try again"
                )
            return [_downloaded(package, into) for package in packages]

    def _fetch(
        self, wanted: Sequence[str], into: Path, progress: Callable[[str, float], None]
    ) -> subprocess.CompletedProcess[str]:
        read_end, write_end = os.pipe()
        command = [
            "apt-get", "-c", str(self._config), "-qq", "-o", f"APT::Status-Fd={write_end}",
            "download", *wanted,
        ]  # fmt: skip
        process = subprocess.Popen(
            command,
            cwd=into,
            pass_fds=[write_end],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ, LC_ALL="C.UTF-8"),
        )
        os.close(write_end)
        try:
            with os.fdopen(read_end, errors="replace") as status:
                for line in status:
                    # dlstatus:<item>:<percent>:<text>, see apt's progress-reporting.md
                    fields = line.split(":")
                    if fields[0] == "dlstatus" and len(fields) > 2:
                        progress("", float(fields[2]) / 100)
            _, errors = process.communicate()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        return subprocess.CompletedProcess(command, process.returncode, "", errors)


def _downloaded(package: Package, directory: Path) -> Path:
    """The .deb of a package in a directory, checked. Raises CrashextError if it is broken."""
    # apt writes the colon of an epoch as %3a, other than in the archive's file names.
    version = package.version.replace(":", "%3a")
    path = directory / f"{package.name}_{version}_{package.architecture}.deb"
    if not path.is_file():
        raise CrashextError(f"apt-get fetched no {path.name}")
    if package.sha256 and sha256(path) != package.sha256:
        path.unlink()
        raise CrashextError(f"the download of {path.name} is broken (wrong SHA-256): try again")
    return path


def _apt_reason(errors: str) -> str:
    """The first error line of apt, without its ``E: ``."""
    for line in errors.splitlines():
        if line.startswith(("E: ", "Err")):
            return line[3:].strip()
    return errors.strip().splitlines()[-1] if errors.strip() else "apt-get gave no reason"


def unpack(deb: Path, into: Path, members: Optional[Sequence[str]] = None) -> None:
    """Unpacks a .deb, or only the ``members`` (tar globs such as ``./boot/*``).

    As the user who runs it, without maintainer scripts. Raises CrashextError for a broken file
    or a full disk.
    """
    into.mkdir(parents=True, exist_ok=True)
    tar = ["tar", "-x", "-C", str(into), "--no-same-owner", "--no-same-permissions"]
    if members is not None:
        tar += ["--wildcards", *members]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as producer:
        result = subprocess.run(tar, stdin=producer.stdout, capture_output=True, check=False)
        assert producer.stdout is not None
        assert producer.stderr is not None
        producer.stdout.close()
        complaint = producer.stderr.read()
    if result.returncode != 0 or producer.returncode != 0:
        text = (complaint if producer.returncode > 0 else b"") or result.stderr
        reason = text.decode(errors="replace").strip().splitlines()
        if shutil.disk_usage(into).free < 1 << 20:
            raise CrashextError(
                f"no space left in {into} to unpack {deb.name}: set XDG_CACHE_HOME to a larger disk"
            )
        raise CrashextError(
            f"cannot unpack {deb.name}: {reason[-1] if reason else 'no reason given'}"
        )
