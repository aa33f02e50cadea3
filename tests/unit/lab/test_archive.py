# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading apt's sources and indexes; choosing mirrors, suites and kernels."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from crashext.errors import CrashextError
from crashext.lab.archive import (
    Mirrors,
    Package,
    Source,
    dependency_names,
    host_codename,
    mirrors,
    newest,
    parse_sources,
    parse_sources_list,
    parse_stanzas,
    search_order,
    sources_list,
    system_sources,
)
from crashext.lab.kernels import Candidate, matches, newest_first, releases

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg") is None, reason="versions need dpkg")

DEB822 = """\
Types: deb
# a comment inside
URIs: http://mirror.example/debian/
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb deb-src
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""


def test_deb822_sources() -> None:
    assert parse_sources(DEB822) == [
        Source(
            "http://mirror.example/debian", ("bookworm", "bookworm-updates"), ("main", "contrib"),
            "/usr/share/keyrings/debian-archive-keyring.gpg",
        ),
        Source("http://mirror.example/debian-security", ("bookworm-security",), ("main",)),
    ]  # fmt: skip


def test_inline_key_is_not_taken_for_a_path() -> None:
    text = "Types: deb\nURIs: http://m/\nSuites: x\nComponents: main\nSigned-By:\n -----BEGIN\n"
    assert parse_sources(text)[0].signed_by is None


def test_one_line_sources() -> None:
    text = """\
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib
deb-src http://mirror.example/debian bookworm main
deb http://mirror.example/security bookworm-security main # updates
"""
    assert parse_sources_list(text) == [
        Source("http://mirror.example/debian", ("bookworm",), ("main", "contrib"), "/k.gpg"),
        Source("http://mirror.example/security", ("bookworm-security",), ("main",)),
    ]


def test_all_files_of_apt_are_read(tmp_path: Path) -> None:
    (tmp_path / "sources.list").write_text("deb http://a/ x main\n")
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / "b.sources").write_text(DEB822)
    (tmp_path / "sources.list.d" / "c.list.save").write_text("deb http://no/ x main\n")
    uris = [source.uri for source in system_sources(tmp_path)]
    assert uris == ["http://a", "http://mirror.example/debian",
                    "http://mirror.example/debian-security"]  # fmt: skip


def test_mirrors_of_the_host() -> None:
    assert mirrors(parse_sources(DEB822), "bookworm") == Mirrors(
        "http://mirror.example/debian", "http://mirror.example/debian-security",
        "/usr/share/keyrings/debian-archive-keyring.gpg",
    )  # fmt: skip


def test_other_vendors_sources_are_no_mirror() -> None:
    sources = [Source("https://vendor.example/apt", ("nodistro",), ("main",))]
    with pytest.raises(CrashextError, match="name no Debian mirror for bookworm"):
        mirrors(sources, "bookworm")


def test_private_sources_of_a_release() -> None:
    assert sources_list("trixie", Mirrors("http://m", "http://s", "/k")) == (
        "deb [signed-by=/k] http://m trixie main\n"
        "deb [signed-by=/k] http://m trixie-updates main\n"
        "deb [signed-by=/k] http://s trixie-security main\n"
    )


@pytest.mark.parametrize("suite", ["sid", "trixie-backports"])
def test_private_sources_without_security(suite: str) -> None:
    assert (
        sources_list(suite, Mirrors("http://m", "http://s", None)) == f"deb http://m {suite} main\n"
    )


def test_codename(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('NAME="Debian GNU/Linux"\nVERSION_CODENAME=trixie\n')
    assert host_codename(release) == "trixie"


def test_own_suite_first_then_older_then_newer() -> None:
    assert search_order("bookworm") == [
        "bookworm", "bookworm-backports", "bullseye", "trixie", "trixie-backports", "sid",
    ]  # fmt: skip
    assert search_order("trixie") == [
        "trixie", "trixie-backports", "bookworm-backports", "bookworm", "bullseye", "sid",
    ]  # fmt: skip


def test_stanzas_with_continued_fields() -> None:
    assert parse_stanzas("Package: a\nDescription: x\n more\n\n\nPackage: b\n") == [
        {"package": "a", "description": "x\nmore"},
        {"package": "b"},
    ]


def test_dependencies_without_versions_and_alternatives() -> None:
    text = "linux-headers-6.1-common (= 6.1.1), dracut | initramfs-tools, gcc:any"
    assert dependency_names(text) == ["linux-headers-6.1-common", "dracut", "gcc"]


def test_package_of_a_stanza() -> None:
    stanza = {
        "package": "crash",
        "version": "9.0.2-1",
        "architecture": "amd64",
        "pre-depends": "libc6",
        "depends": "zlib1g",
        "size": "12",
        "sha256": "ab",
    }
    assert Package.from_stanza(stanza) == Package(
        "crash", "9.0.2-1", "amd64", ["libc6", "zlib1g"], 12, "ab"
    )


@needs_dpkg
def test_newest_by_debians_rules() -> None:
    versions = ["6.12.95-1~bpo12+1", "6.12.95-1", "6.12.9-1"]
    best = newest(Package("linux", version, "amd64") for version in versions)
    assert best is not None
    assert best.version == "6.12.95-1"


@needs_dpkg
def test_kernels_are_sorted_by_version_not_by_name() -> None:
    versions = ["6.1.99-1", "6.12.9-1", "6.12.10-1"]
    kernels = [Candidate(f"{v}-cloud", v, "sid", "amd64", 0) for v in versions]
    assert [k.version for k in newest_first(kernels)] == ["6.12.10-1", "6.12.9-1", "6.1.99-1"]


def test_kernels_are_told_from_metapackages() -> None:
    names = [
        "linux-image-cloud-amd64-dbg", "linux-image-6.12-cloud-amd64-dbg",
        "linux-image-6.1.0-56-cloud-amd64-dbg", "linux-image-6.12.117+deb12-cloud-amd64-dbg",
        "linux-image-6.1.0-56-amd64-dbg", "linux-image-6.1.0-56-cloud-amd64",
    ]  # fmt: skip
    assert releases(names, "amd64") == ["6.1.0-56-cloud-amd64", "6.12.117+deb12-cloud-amd64"]


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [("6.1", True), ("6.1.0-56", True), ("6.1.0-56-cloud-amd64", True), ("6", True),
     ("6.12", False), ("6.1.0-5", False)],
)  # fmt: skip
def test_kernel_is_asked_for_by_its_beginning(wanted: str, fits: bool) -> None:
    assert matches("6.1.0-56-cloud-amd64", wanted) is fits
