#!/bin/sh
# SPDX-License-Identifier: {{ cookiecutter.license }}
#
# Lets one of the faults of the menu happen: in a virtual machine with --vm, or
# here, where it looks first whether the crash will leave a dump.
#
# LKM_ROOT is put before every path that is looked at (for tests).

set -u

module={{ cookiecutter.module_name }}
root=${LKM_ROOT:-}
cd "$(dirname "$0")" || exit 1

usage() {
	cat <<-END
	usage: ./fault.sh                     the menu
	       ./fault.sh NAME --vm [options] make it happen in a virtual machine
	       ./fault.sh NAME [options]      make it happen here

	in a virtual machine (needs crashext and QEMU, but not root):
	  -o DIR         where the dump, the log and the explanation go (../MODULE-vm-NAME)
	  --kernel K     the kernel, as in: crashext lab kernels list --all
	here:
	  --yes          do not ask
	  --no-dump      go on though kdump would not leave a dump
	  --real-machine go on though this machine is not a virtual one
	END
}

# menu [NAME]: "name<tab>sentence" of every fault, or of one.
menu() {
	awk -F '"' -v wanted="${1:-}" '
		$2 == "name" { name = $4 }
		$2 == "sentence" && (wanted == "" || wanted == name) { print name "\t" $4 }
	' faults.json
}

# field NAME KEY: a string of the fault's entry.
field() {
	awk -F '"' -v wanted="$1" -v key="$2" '
		$2 == "name" { name = $4 }
		$2 == key && name == wanted { print $4 }
	' faults.json
}

# setup NAME boot|sysctl: what the fault needs, one word or "key value" a line.
setup() {
	awk -v wanted="$1" -v key="$2" -F '"' '
		$2 == "name" { name = $4 }
		name != wanted { next }
		$2 == key { inside = 1 }
		inside && $2 == key { for (i = 4; i < NF; i += 2) print $i; }
		inside && $2 != key && NF > 1 {
			if (key == "boot") print $2
			else print $2, $4
		}
		inside && /[]}]/ { inside = 0 }
	' faults.json
}

refuse() {
	echo "fault.sh: $1" >&2
	shift
	for line in "$@"; do
		echo "  $line" >&2
	done
	exit 1
}

name=
vm=
out=
kernel=
yes=
no_dump=
real_machine=
while [ $# -gt 0 ]; do
	case $1 in
	--vm) vm=yes ;;
	--yes) yes=yes ;;
	--no-dump) no_dump=yes ;;
	--real-machine) real_machine=yes ;;
	-o | --kernel)
		if [ $# -lt 2 ]; then
			echo "fault.sh: $1 needs a value" >&2
			exit 2
		fi
		if [ "$1" = -o ]; then out=$2; else kernel=$2; fi
		shift
		;;
	-h | --help)
		usage
		exit 0
		;;
	-*)
		echo "fault.sh: unknown option $1" >&2
		usage >&2
		exit 2
		;;
	*) name=$1 ;;
	esac
	shift
done

if [ -z "$name" ]; then
	menu | expand -t 26
	exit 0
fi
if [ -z "$(menu "$name")" ]; then
	echo "fault.sh: there is no fault $name; the menu:" >&2
	menu | expand -t 26 >&2
	exit 2
fi

#
# In a virtual machine
#

if [ -n "$vm" ]; then
	crashext=${CRASHEXT:-crashext}
	command -v "$crashext" >/dev/null ||
		refuse "$crashext is not here" "see 'The virtual machine' in README.md"
	# Beside the module, not in it: the lab writes nothing into a module's directory.
	out=${out:-../$module-vm-$name}
	"$crashext" lab run . --fault "$name" ${kernel:+--kernel "$kernel"} -o "$out" --explain ||
		exit 1
	echo "In $out: vmcore, vmcore-dmesg.txt, explanation.txt"
	exit 0
fi

#
# Here
#

{% include "distribution.sh" %}

# What makes the next crash leave a dump.
kdump_commands() {
	case $distribution in
	debian)
		echo "apt install kdump-tools, answer yes, reboot (adds crashkernel= to the kernel)"
		echo "check: kdump-config show"
		;;
	redhat)
		echo "dnf install kdump-utils || dnf install kexec-tools"
		echo "kdumpctl reset-crashkernel --kernel=ALL; systemctl enable kdump; reboot"
		echo "check: kdumpctl status"
		;;
	suse)
		echo "zypper install kdump kexec-tools"
		echo "systemctl enable kdump; systemctl start kdump (fails, but sets crashkernel=); reboot"
		echo "check: systemctl status kdump"
		;;
	arch)
		echo "pacman -S kexec-tools; then https://wiki.archlinux.org/title/Kdump"
		;;
	*)
		echo "add crashkernel=256M to the kernel's command line, reboot, set kdump up"
		;;
	esac
	echo "or without a dump: ./fault.sh $name --no-dump"
	echo "or in a virtual machine: ./fault.sh $name --vm"
}

check_root() {
	[ "$(id -u)" -eq 0 ] ||
		refuse "only root can crash this machine" "sudo ./fault.sh $name" \
			"or in a virtual machine, without root: ./fault.sh $name --vm"
}

# A container shares the kernel of its host.
check_container() {
	if [ -e "$root/.dockerenv" ] || [ -e "$root/run/.containerenv" ] ||
		[ -e "$root/run/systemd/container" ]; then
		refuse "this is a container: the fault would crash the machine below it" \
			"./fault.sh $name --vm"
	fi
}

is_virtual() {
	grep -q '^flags.* hypervisor' "$root/proc/cpuinfo" 2>/dev/null && return 0
	# Other architectures than x86.
	[ -e "$root/proc/device-tree/hypervisor" ] && return 0
	grep -qi 'qemu\|kvm\|vmware\|virtualbox\|virtual machine\|bochs' \
		"$root/sys/class/dmi/id/product_name" "$root/sys/class/dmi/id/sys_vendor" 2>/dev/null
}

check_machine() {
	[ -n "$real_machine" ] || is_virtual ||
		refuse "this machine is not a virtual one" \
			"in a virtual machine: ./fault.sh $name --vm" \
			"here all the same: ./fault.sh $name --real-machine"
}

# The dump of a kernel without user pages is seldom more than a quarter of memory.
check_dump() {
	[ -z "$no_dump" ] || return 0
	if [ "$(cat "$root/sys/kernel/kexec_crash_loaded" 2>/dev/null)" != 1 ]; then
		kdump_commands | {
			set --
			while read -r line; do
				set -- "$@" "$line"
			done
			refuse "kdump is not armed: the crash would leave no dump" "$@"
		} || exit 1
	fi
	directory=$root/var/crash
	[ -d "$directory" ] || directory=${root:-/}
	free=$(df -Pk "$directory" 2>/dev/null | awk 'NR == 2 { print $4 }')
	memory=$(awk '$1 == "MemTotal:" { print $2 }' "$root/proc/meminfo")
	# df knows nothing of an initramfs.
	if [ -n "$free" ] && [ "$free" -lt $((memory / 4)) ]; then
		refuse "$directory has $((free / 1024)) MiB free, a dump may need $((memory / 4096))" \
			"make room, or: ./fault.sh $name --no-dump"
	fi
}

check_boot_words() {
	for word in $(setup "$name" boot); do
		grep -qw -e "$word" "$root/proc/cmdline" ||
			echo "note: meant for a kernel booted with $word"
	done
}

loaded() {
	grep -q "^$module " "$root/proc/modules"
}

check_root
check_container
check_machine
check_dump
if ! loaded && [ ! -e "$module.ko" ]; then
	refuse "$module is neither loaded nor built" "make, or ./install.sh"
fi

trigger=$(field "$name" trigger)
ends=$(field "$name" ends)
note=$(field "$name" note)
echo "fault $name: $(menu "$name" | cut -f 2)"
[ -z "$note" ] || echo "note: $note"
check_boot_words
setup "$name" sysctl | while read -r key value; do
	echo "sets $key=$value"
done
case $ends in
panic) echo "This machine will crash, and what is not saved is lost." ;;
hang) echo "A CPU will hang, and with it this machine." ;;
report) echo "The kernel will report it and go on, but its memory is damaged." ;;
esac

if [ -z "$yes" ]; then
	[ -t 0 ] || refuse "there is nobody to ask" "./fault.sh $name --yes"
	printf 'Go on? Type yes: '
	read -r answer
	[ "$answer" = yes ] || refuse "nothing was done"
fi

if ! loaded; then
	insmod "$module.ko" || exit 1
fi
# Without it an oops only kills the task, and leaves no dump.
[ "$ends" != panic ] || echo 1 >"$root/proc/sys/kernel/panic_on_oops"
setup "$name" sysctl | while read -r key value; do
	echo "$value" >"$root/proc/sys/$(echo "$key" | tr . /)"
done
echo "Saving the file systems"
sync
if [ "$trigger" = unload ]; then
	echo "$name" >"$root/sys/module/$module/parameters/fault" || exit 1
	rmmod "$module"
else
	debugfs=$root/sys/kernel/debug
	[ -e "$debugfs/$module" ] || mount -t debugfs debugfs "$debugfs" || exit 1
	echo "$name" >"$debugfs/$module/fault"
fi
sleep 2
echo "This machine is still there. The kernel says:"
dmesg | tail -n 20
