#!/bin/sh
# SPDX-License-Identifier: {{ cookiecutter.license }}
#
# Undoes install.sh: unloads the module and removes it.
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
	usage: ./uninstall.sh [--dry-run]

	  --dry-run  say what would be done
	END
}

dry_run=
case ${1:-} in
'') ;;
--dry-run) dry_run=yes ;;
-h | --help)
	usage
	exit 0
	;;
*)
	echo "uninstall.sh: unknown option $1" >&2
	usage >&2
	exit 2
	;;
esac

run() {
	printf '    + %s\n' "$*"
	[ -n "$dry_run" ] || "$@"
}

if [ -z "$dry_run" ] && [ "$(id -u)" -ne 0 ]; then
	echo "uninstall.sh: only root can unload a module: sudo ./uninstall.sh" >&2
	exit 1
fi

# A line of /proc/modules: name, size, references, who has them ("-": nobody), state.
name=
while read -r name _ references users state _; do
	[ "$name" = "$module" ] && break
	name=
done <"$root/proc/modules"

if [ -n "$name" ]; then
	if [ "$state" != Live ]; then
		echo "uninstall.sh: $module is stuck ($state): only a reboot removes it" >&2
		exit 1
	fi
	if [ "$references" != 0 ]; then
		case $users in
		-) users="a process that has one of its files open" ;;
		*) users=${users%,} ;;
		esac
		echo "uninstall.sh: $module is in use by $users: stop that first" >&2
		exit 1
	fi
	run rmmod "$module" || exit 1
else
	echo "   ok: $module is not loaded"
fi

{% if cookiecutter.dkms %}
if command -v dkms >/dev/null && [ -n "$(dkms status "$module/$version" 2>/dev/null)" ]; then
	run dkms remove "$module/$version" --all || exit 1
	if [ -d "$root/usr/src/$module-$version" ]; then
		run rm -r "$root/usr/src/$module-$version" || exit 1
	fi
fi
{% endif %}
if file=$(modinfo -n "$module" 2>/dev/null); then
	run rm "$file" || exit 1
	run depmod || exit 1
else
	echo "   ok: $module is not installed"
fi
