{# SPDX-License-Identifier: GPL-2.0-or-later #}
# debian, redhat, suse, arch, or other: whose commands to name.
distribution=$(
	ID=
	ID_LIKE=
	# shellcheck disable=SC1091
	[ -r "$root/etc/os-release" ] && . "$root/etc/os-release"
	for like in $ID $ID_LIKE; do
		case $like in
		debian | ubuntu) echo debian ;;
		fedora | rhel | centos) echo redhat ;;
		suse | opensuse*) echo suse ;;
		arch) echo arch ;;
		*) continue ;;
		esac
		exit
	done
	echo other
)

# install_command PACKAGE...: what installs them.
install_command() {
	case $distribution in
	debian) echo "apt install $*" ;;
	redhat) echo "dnf install $*" ;;
	suse) echo "zypper install $*" ;;
	arch) echo "pacman -S $*" ;;
	*) echo "install $* with the system's package manager" ;;
	esac
}
