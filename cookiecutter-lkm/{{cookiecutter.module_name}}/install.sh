#!/bin/sh
# SPDX-License-Identifier: {{ cookiecutter.license }}
#
# Builds, installs and loads the module. Looks first at everything that usually
# goes wrong, and for each says which command mends it.
#
# LKM_ROOT is put before every path that is looked at (for tests).

set -u

module={{ cookiecutter.module_name }}
{% if cookiecutter.dkms %}
version={{ cookiecutter.__version }}
{% endif %}
root=${LKM_ROOT:-}
cd "$(dirname "$0")" || exit 1

usage() {
	cat <<-END
	usage: ./install.sh [--dry-run]{% if cookiecutter.dkms %} [--dkms]{% endif %} [--any-compiler]

	  --dry-run       look at everything, change nothing
{% if cookiecutter.dkms %}
	  --dkms          let DKMS build and install it, now and for every new kernel
{% endif %}
	  --any-compiler  do not mind a compiler other than the kernel's
	END
}

dry_run=
{% if cookiecutter.dkms %}
dkms=
{% endif %}
any_compiler=
while [ $# -gt 0 ]; do
	case $1 in
	--dry-run) dry_run=yes ;;
{% if cookiecutter.dkms %}
	--dkms) dkms=yes ;;
{% endif %}
	--any-compiler) any_compiler=yes ;;
	-h | --help)
		usage
		exit 0
		;;
	*)
		echo "install.sh: unknown option $1" >&2
		usage >&2
		exit 2
		;;
	esac
	shift
done

{% include "distribution.sh" %}

release=$(uname -r)
modules=$root/lib/modules/$release
build=${KDIR:-${KSRC:-$modules/build}}
problems=0

# problem TEXT COMMAND: says what is wrong, and what mends it.
problem() {
	problems=$((problems + 1))
	printf 'wrong: %s\n' "$1"
	printf '  fix: %s\n' "$2"
}

fine() {
	printf '   ok: %s\n' "$1"
}

# run COMMAND...: shows it, and runs it unless this is a dry run.
run() {
	printf '    + %s\n' "$*"
	[ -n "$dry_run" ] || "$@"
}

check_root() {
	if [ -z "$dry_run" ] && [ "$(id -u)" -ne 0 ]; then
		problem "only root can load a module" "sudo ./install.sh"
	fi
}

check_loaded() {
	if grep -q "^$module " "$root/proc/modules" 2>/dev/null; then
		problem "$module is loaded already" "./uninstall.sh"
	else
		fine "$module is not loaded"
	fi
}

# check_tool PROGRAM: is it here? Its package has the same name everywhere.
check_tool() {
	if command -v "$1" >/dev/null; then
		fine "$1 is here"
	else
		problem "$1 is not here" "$(install_command "$1")"
	fi
}

{% if cookiecutter.dkms %}
check_dkms() {
	if [ -n "$(dkms status "$module/$version" 2>/dev/null)" ]; then
		problem "DKMS has $module $version already" "./uninstall.sh"
	fi
}

{% endif %}
# The package with the headers of the running kernel, as a command.
headers_command() {
	case $distribution in
	debian) install_command "linux-headers-$release" ;;
	redhat)
		# 5.14.0-1.el9.x86_64+debug and +rt are flavours with packages of their own.
		case $release in
		*+*) install_command "kernel-${release##*+}-devel-${release%+*}" ;;
		*) install_command "kernel-devel-$release" ;;
		esac
		;;
	suse)
		# uname leaves out the rebuild count at the end of the package's release.
		install_command "kernel-${release##*-}-devel=\$(rpm -qf --qf '%{version}-%{release}'" \
			"/boot/vmlinuz-$release)"
		;;
	arch)
		if [ -r "$modules/pkgbase" ]; then
			install_command "$(cat "$modules/pkgbase")-headers"
		else
			install_command linux-headers
		fi
		;;
	*) echo "install the headers of $release with the system's package manager" ;;
	esac
}

# Releases whose headers are here, on one line.
headers_here() {
	for directory in "$root"/lib/modules/*/build; do
		if [ -e "$directory/Makefile" ]; then
			directory=${directory%/build}
			echo "${directory##*/}"
		fi
	done | paste -s -d ' ' -
}

check_headers() {
	if [ ! -d "$modules" ] && [ "$build" = "$modules/build" ]; then
		problem "$modules is not here: the kernel was probably upgraded after the boot" \
			"reboot"
		return 1
	fi
	if [ ! -e "$build/Makefile" ]; then
		others=$(headers_here)
		if [ -n "$others" ]; then
			problem "the headers here are for $others, but $release runs" \
				"$(headers_command)"
		else
			problem "the headers of $release are not here" "$(headers_command)"
		fi
		return 1
	fi
	# What becomes the module's vermagic; kernel.release is another thing in Debian's headers.
	built=$(sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' \
		"$build/include/generated/utsrelease.h" 2>/dev/null)
	if [ -n "$built" ] && [ "$built" != "$release" ]; then
		problem "the headers in $build are for $built, but $release runs" \
			"$(headers_command)"
		return 1
	fi
	fine "the headers of $release are here"
}

# Major version of a compiler's first line of --version, whatever the distribution adds:
# "gcc (Debian 12.2.0-14+deb12u1) 12.2.0", "gcc-12 (SUSE Linux) 12.3.0".
major_version() {
	printf '%s\n' "$1" | sed -n 's/^.*(.*) *\([0-9][0-9]*\)\..*/\1/p;
		s/^.*clang version \([0-9][0-9]*\)\..*/\1/p' | head -n 1
}

compiler_command() {
	case $distribution in
	debian | suse) install_command "$1-$2" | sed "/zypper/s/$1-/$1/" ;;
	*) install_command "$1" ;;
	esac
}

check_compiler() {
	text=$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"/\1/p' "$build/.config" 2>/dev/null)
	case $text in
	'') kind=gcc ;;
	*clang*) kind=clang ;;
	*) kind=gcc ;;
	esac
	wanted=$(major_version "$text")
	compiler=${CC:-}
	if [ -z "$compiler" ]; then
		# Debian's headers name the compiler.
		compiler=$(sed -n 's/^CC = .*)\([a-z]*-[0-9]*\)$/\1/p' \
			"$build/.kernelvariables" 2>/dev/null)
	fi
	compiler=${compiler:-$kind}
	if ! command -v "$compiler" >/dev/null; then
		case $compiler in
		*-[0-9]*) problem "the compiler $compiler is not here" \
			"$(compiler_command "${compiler%-*}" "${compiler##*-}")" ;;
		*) problem "the compiler $compiler is not here" \
			"$(install_command "$compiler")" ;;
		esac
		return
	fi
	have=$(major_version "$("$compiler" --version | head -n 1)")
	if [ -n "$wanted" ] && [ -n "$have" ] && [ "$have" != "$wanted" ] &&
		[ -z "$any_compiler" ]; then
		problem "$release was built with $kind $wanted, but $compiler is version $have" \
			"$(compiler_command "$kind" "$wanted"), then CC=$kind-$wanted ./install.sh; or --any-compiler"
	else
		fine "$compiler${have:+ $have} compiles for $release"
	fi
}

# Is a signature needed? By Secure Boot (the kernel is locked down) or by configuration.
signature_needed() {
	[ "$(cat "$root/sys/module/module/parameters/sig_enforce" 2>/dev/null)" = Y ] && return 0
	grep -q '\[\(integrity\|confidentiality\)\]' \
		"$root/sys/kernel/security/lockdown" 2>/dev/null && return 0
	# The variable's value is its fifth byte, after the attributes.
	for variable in "$root"/sys/firmware/efi/efivars/SecureBoot-*; do
		[ -r "$variable" ] || continue
		[ "$(od -An -tu1 -j4 -N1 "$variable" | tr -d ' ')" = 1 ] && return 0
	done
	return 1
}

find_key() {
	set -- ${KEY:+"$KEY"} signing_key.priv
{% if cookiecutter.dkms %}
	# DKMS signs by itself, and looks in these places only.
	[ -z "$dkms" ] || set --
{% endif %}
	for key in "$@" "$root/var/lib/shim-signed/mok/MOK.priv" "$root/var/lib/dkms/mok.key"; do
		case $key in
		*.priv) certificate=${CERT:-${key%.priv}.der} ;;
		*) certificate=${CERT:-${key%.key}.pub} ;;
		esac
		[ -r "$key" ] && return 0
	done
	key=
	certificate=
	return 1
}

# How to get a key, and the kernel to know it.
key_command() {
{% if cookiecutter.dkms %}
	if [ -n "$dkms" ]; then
		echo "openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650" \
			"-subj '/CN=DKMS module signing key/' -keyout /var/lib/dkms/mok.key" \
			"-outform DER -out /var/lib/dkms/mok.pub;" \
			"mokutil --import /var/lib/dkms/mok.pub; reboot"
		return
	fi
{% endif %}
{% if cookiecutter.signing %}
	echo "make key; mokutil --import signing_key.der; reboot"
{% else %}
	echo "make a key, mokutil --import its certificate, reboot; then KEY= CERT= ./install.sh"
{% endif %}
}

check_signature() {
	if ! signature_needed; then
		fine "this kernel loads unsigned modules"
		return
	fi
	if ! find_key; then
		problem "Secure Boot is on: this kernel loads signed modules only, and there is no key" \
			"$(key_command)"
		return
	fi
	if command -v mokutil >/dev/null &&
		! mokutil --test-key "$certificate" 2>/dev/null | grep -q 'already enrolled'; then
		problem "Secure Boot is on, and the key $key is not enrolled" \
			"mokutil --import $certificate; reboot, and confirm at the blue screen"
		return
	fi
	fine "Secure Boot is on; the module will be signed with $key"
}

# Does the module that was built fit the kernel that runs?
check_vermagic() {
	if ! magic=$(modinfo -F vermagic "./$module.ko"); then
		printf ' note: %s\n' "modinfo cannot tell which kernel $module.ko is for"
		return 0
	fi
	if [ "${magic%% *}" != "$release" ]; then
		problem "$module.ko was built for ${magic%% *}, but $release runs" \
			"make clean; ./install.sh"
		return 1
	fi
	fine "$module.ko was built for $release"
}

# The lines that the kernel has written since an uptime in seconds.
kernel_lines() {
	dmesg | awk -v since="$1" '
		match($0, /^\[ *[0-9]+\.[0-9]+\]/) {
			time = substr($0, 2, RLENGTH - 2)
			if (time + 0 >= since + 0)
				print "  " $0
		}'
}

install_here() {
	run make KDIR="$build" ${CC:+CC="$CC"} || return 1
	[ -n "$dry_run" ] || check_vermagic || return 1
	if signature_needed; then
		hash=$(sed -n 's/^CONFIG_MODULE_SIG_HASH="\(.*\)"/\1/p' "$build/.config")
		run "$build/scripts/sign-file" "${hash:-sha256}" "$key" "$certificate" "$module.ko" || return 1
	fi
	run make -C "$build" M="$PWD" modules_install && run depmod "$release"
}

{% if cookiecutter.dkms %}
install_with_dkms() {
	# The sources alone: "dkms add ." would take dumps and keys along.
	set -- Kbuild Makefile dkms.conf
	for file in *.[ch]; do
		case $file in
		*.mod.c) ;;
		*) set -- "$@" "$file" ;;
		esac
	done
	run mkdir -p "$root/usr/src/$module-$version" &&
		run cp "$@" "$root/usr/src/$module-$version" &&
		run dkms add "$module/$version" &&
		run dkms build "$module/$version" -k "$release" &&
		run dkms install "$module/$version" -k "$release"
}

{% endif %}
check_root
check_loaded
check_tool make
{% if cookiecutter.dkms %}
if [ -n "$dkms" ]; then
	check_tool dkms
	check_dkms
fi
{% endif %}
if check_headers; then
	check_compiler
fi
check_signature

if [ "$problems" -gt 0 ]; then
	echo "install.sh: $problems to mend first; nothing was changed" >&2
	exit 1
fi

read -r uptime _ <"$root/proc/uptime" || uptime=0
{% if cookiecutter.dkms %}
if [ -n "$dkms" ]; then
	install_with_dkms || exit 1
else
	install_here || exit 1
fi
{% else %}
install_here || exit 1
{% endif %}
run modprobe "$module" || {
	echo "install.sh: the kernel refused $module; it says:" >&2
	kernel_lines "$uptime" >&2
	exit 1
}
if [ -z "$dry_run" ]; then
	echo "$module is loaded. The kernel says:"
	kernel_lines "$uptime"
fi
