# SPDX-License-Identifier: GPL-2.0-or-later
"""``crashext build``: what it finds, and what it says about what it does not find."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from crashext import __version__, build

CRASH_V = """
crash 8.0.6++
Copyright (C) 2002-2025  Red Hat, Inc.
GNU gdb (GDB) 16.2
"""


def test_version_of_crash_v() -> None:
    assert build.parse_version(CRASH_V) == "8.0.6++"


def test_no_version_is_said() -> None:
    with pytest.raises(build.BuildError, match=r"give it with --crash-version"):
        build.parse_version("GNU gdb\n")


def test_headers_of_an_unpacked_crash(tmp_path: Path) -> None:
    headers = tmp_path / "usr" / "include" / "crash"
    headers.mkdir(parents=True)
    (headers / "defs.h").touch()
    program = tmp_path / "usr" / "bin" / "crash"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nprintf 'crash 9.0.2\\n'\n")
    program.chmod(0o755)
    assert build.find_crash(str(program), None, None) == build.Crash(headers, "9.0.2")


def test_a_crash_that_does_not_run_here(tmp_path: Path) -> None:
    (tmp_path / "defs.h").touch()
    program = tmp_path / "crash"
    program.write_text("#!/bin/sh\necho 'version GLIBC_2.38 not found' >&2\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(build.BuildError, match=r"GLIBC_2.38 .*give its version with --crash-ver"):
        build.find_crash(str(program), str(tmp_path), None)


@pytest.mark.parametrize("header", ["zlib.h", "Python.h", "lzo/lzo1x.h"])
def test_a_missing_header_names_its_packages(header: str) -> None:
    errors = f"/usr/include/crash/defs.h:44:10: fatal error: {header}: No such file or directory\n"
    text = str(build.explain_failure(errors))
    assert text.startswith(f"no header {header}: install {build.PACKAGES[header][0]} (Debian")
    assert "\n" not in text


def test_another_compiler_error_is_its_first_line() -> None:
    errors = "x.c: In function f:\nx.c:3:5: error: unknown type name 'foo'\nx.c:4:5: error: more\n"
    assert str(build.explain_failure(errors)) == (
        "x.c:3:5: error: unknown type name 'foo' (crashext build -v shows all)"
    )


def test_c_strings_keep_quotes_and_backslashes() -> None:
    assert build.c_string('a "b" \\c') == '"a \\"b\\" \\\\c"'


def test_help_header_is_one_table() -> None:
    assert build.help_header([["a", "b"], ["c"]]) == (
        'static const char *const page_0[] = {\n\t"a",\n\t"b",\n\tNULL\n};\n'
        'static const char *const page_1[] = {\n\t"c",\n\tNULL\n};\n'
        "static const char *const *const help_pages[] = { page_0, page_1 };\n"
    )


def test_install_goes_where_crash_looks_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRASH_EXTENSIONS", str(tmp_path))
    assert build.install_directory() == tmp_path


# Python takes DIR/crashext.so for the package


def test_the_default_output_is_found_by_crash_and_by_no_python() -> None:
    output = Path(build.make_parser().parse_args([]).output)
    # crash's in_extensions_library() looks in ./extensions for a bare name.
    assert (output.parent, output.name) == (Path("extensions"), "crashext.so")


def test_no_crashext_so_is_written_where_python_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").symlink_to(".")
    for name in ("crashext.so", "./crashext.so", "here/crashext.so", "crashext.abi3.so"):
        with pytest.raises(build.BuildError, match="leave -o out"):
            build.refuse_shadow(Path(name))
    for name in ("extensions/crashext.so", "/usr/lib64/crash/extensions/crashext.so", "my.so"):
        build.refuse_shadow(Path(name))


def test_what_build_writes_hides_the_package_from_no_python(tmp_path: Path) -> None:
    """A file that cannot be imported, where the build puts it, and where it must not."""
    output = tmp_path / build.DEFAULT_OUTPUT
    output.parent.mkdir()
    output.write_bytes(b"no shared object")
    command = [sys.executable, "-m", "crashext", "--version"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f"crashext {__version__}\n")
    output.rename(tmp_path / "crashext.so")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
