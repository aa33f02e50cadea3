# SPDX-License-Identifier: GPL-2.0-or-later
"""What in the kernel points to code: timers, work items, threads, handlers, operations.

One sweep gathers every registration of these kinds; a question filters them: those into one
module (who would call it), or those into module space that no module holds (what an unloaded
module left behind). Each kind is looked at on its own: one that this kernel or dump cannot tell
is named in ``unknown`` and costs nothing else.

Not looked at, because the kernel keeps no list of them: sysfs attributes, debugfs files, slab
constructors, callbacks inside driver data.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from drgn import Object, Program, StackTrace, cast, container_of, sizeof
from drgn.helpers.linux.cpumask import for_each_present_cpu
from drgn.helpers.linux.device import MAJOR, MINOR, for_each_registered_chrdev
from drgn.helpers.linux.fs import d_path, for_each_file
from drgn.helpers.linux.idr import idr_for_each
from drgn.helpers.linux.irq import for_each_irq_desc
from drgn.helpers.linux.kthread import task_is_kthread, to_kthread
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
from drgn.helpers.linux.net import for_each_net
from drgn.helpers.linux.percpu import per_cpu
from drgn.helpers.linux.pid import for_each_task
from drgn.helpers.linux.rbtree import rbtree_inorder_for_each_entry
from drgn.helpers.linux.timer import hrtimer_clock_base_for_each

from crashext.engine.modules import CodePointer
from crashext.kernel import stacks
from crashext.kernel.port import Port
from crashext.targets.drgn.asking import NO_ANSWER, reason

#: No kind may cost more than this many entries: a damaged list must end.
MAX_ENTRIES = 100_000
#: Open files of one task, and links of one chain.
MAX_CHAIN = 4096

NameOf = Callable[[int], Optional[str]]
Found = Iterator[CodePointer]
Tell = Callable[[Object], Iterable[CodePointer]]


@dataclass
class Pointers:
    """All that was found, and the kinds that could not be looked at, with the reason."""

    found: list[CodePointer] = field(default_factory=list)
    unknown: dict[str, str] = field(default_factory=dict)

    def into(self, wanted: Callable[[int], bool]) -> list[CodePointer]:
        """Those whose code or whose own object lies where ``wanted`` says."""
        return [
            pointer
            for pointer in self.found
            if (pointer.pointer is not None and wanted(pointer.pointer))
            or (pointer.object is not None and wanted(pointer.object))
        ]


def collect(prog: Program, name_of: NameOf) -> Pointers:
    """Sweeps all kinds. ``name_of`` gives ``function [module]`` for an address."""
    result = Pointers()
    for kind, sweep in _SWEEPS.items():
        try:
            # One by one: what was found before a damaged link stays.
            for pointer in itertools.islice(sweep(prog, name_of), MAX_ENTRIES):
                result.found.append(pointer)
        except (*NO_ANSWER, TypeError) as error:
            # TypeError: a newer kernel has another kind of list there.
            result.unknown[kind] = reason(error)
    return result


def _entries(entries: Iterator[Object], kind: str, where: str, tell: Tell) -> Found:
    """``tell(entry)`` for each entry of a chain, which may lead into freed memory.

    An entry that cannot be read is what an unloaded module leaves behind: it is told by its
    address, and the chain ends there.
    """
    try:
        for entry in itertools.islice(entries, MAX_CHAIN):
            try:
                found = list(tell(entry))
            except NO_ANSWER as error:
                address = int(entry.value_())
                text = (
                    f"{where}: the entry 0x{address:x} cannot be read ({reason(error)}); what "
                    "follows it in the chain is not known"
                )
                yield CodePointer(kind, text, address)
                return
            yield from found
    except NO_ANSWER:  # the link of the last entry told: its successor is in no list
        return


def _pointer(
    kind: str, what: str, place: Object, function: Object, name_of: NameOf, verb: str = "calls"
) -> CodePointer:
    address = int(function.value_())
    symbol = name_of(address)
    return CodePointer(
        kind,
        f"{what}, {verb} {symbol or f'0x{address:x} (no symbol)'}",
        int(place.value_()),
        address,
        symbol,
    )


def _at(thing: Object) -> str:
    return f"0x{int(thing.value_()):x}"


def _text(value: Object) -> str:
    return str(value.string_().decode("utf-8", "backslashreplace"))


# Time


def _timers(prog: Program, name_of: NameOf) -> Found:
    """The timer wheels (4.8 and later, commit 500462a9de65 "timers: Switch to a non-cascading
    wheel"). The arrays of list heads are read at once: most are empty."""
    for cpu in for_each_present_cpu(prog):
        for base in per_cpu(prog["timer_bases"], cpu):
            vectors = base.vectors
            raw = prog.read(vectors.address_, sizeof(vectors))
            step = sizeof(vectors[0])
            for index in range(len(vectors)):
                if any(raw[index * step : (index + 1) * step]):
                    head = vectors[index].address_of_()
                    yield from _bucket(prog, head, cpu, name_of)


def _bucket(prog: Program, head: Object, cpu: int, name_of: NameOf) -> Found:
    def tell(timer: Object) -> Found:
        due = _due(prog, int(timer.expires.value_()))
        what = f"timer {_at(timer)} on CPU {cpu}{due}"
        yield _pointer("timer", what, timer, timer.function, name_of)
        if name_of(int(timer.function.value_())) == "delayed_work_timer_fn":
            work = container_of(timer, "struct delayed_work", "timer").work
            what = f"delayed work {_at(work.address_of_())}, queued{due}"
            yield _pointer("work", what, work.address_of_(), work.func, name_of)

    entries = hlist_for_each_entry("struct timer_list", head, "entry")
    yield from _entries(entries, "timer", f"timers of CPU {cpu}", tell)


def _due(prog: Program, expires: int) -> str:
    try:
        left = expires - int(prog["jiffies_64" if "jiffies_64" in prog else "jiffies"].value_())
    except NO_ANSWER:
        return ""
    return f" due in {left} jiffies" if left >= 0 else f" overdue by {-left} jiffies"


def _hrtimers(prog: Program, name_of: NameOf) -> Found:
    for cpu in for_each_present_cpu(prog):

        def tell(timer: Object, cpu: int = cpu) -> Found:
            what = f"hrtimer {_at(timer)} on CPU {cpu}"
            yield _pointer("hrtimer", what, timer, timer.function, name_of)

        for base in per_cpu(prog["hrtimer_bases"], cpu).clock_base:
            timers = hrtimer_clock_base_for_each(base.address_of_())
            yield from _entries(timers, "hrtimer", f"hrtimers of CPU {cpu}", tell)


# Work items and threads


def _works(prog: Program, name_of: NameOf) -> Found:
    """Running, pending and held-back work items of all worker pools."""
    for _number, entry in idr_for_each(prog["worker_pool_idr"].address_of_()):
        pool = cast("struct worker_pool *", entry)
        workers = list_for_each_entry("struct worker", pool.workers.address_of_(), "node")
        for worker in itertools.islice(workers, MAX_CHAIN):
            if worker.current_work:
                who = f"{_text(worker.task.comm)} (pid {int(worker.task.pid.value_())})"
                what = f"work item {_at(worker.current_work)}, running in {who}"
                yield _pointer("work", what, worker.current_work, worker.current_func, name_of)
        yield from _queue(pool.worklist, "pending", name_of)
    queues = list_for_each_entry(
        "struct workqueue_struct", prog["workqueues"].address_of_(), "list"
    )
    for queue in itertools.islice(queues, MAX_CHAIN):
        pwqs = list_for_each_entry("struct pool_workqueue", queue.pwqs.address_of_(), "pwqs_node")
        for pwq in itertools.islice(pwqs, MAX_CHAIN):
            # inactive_works since 5.15, commit f97a4a1a3f87 "workqueue: Rename "delayed"".
            held = "inactive_works" if hasattr(pwq, "inactive_works") else "delayed_works"
            yield from _queue(pwq.member_(held), f"held back in {_text(queue.name)}", name_of)


def _queue(head: Object, how: str, name_of: NameOf) -> Found:
    def tell(work: Object) -> Found:
        yield _pointer("work", f"work item {_at(work)}, {how}", work, work.func, name_of)

    works = list_for_each_entry("struct work_struct", head.address_of_(), "entry")
    yield from _entries(works, "work", f"work items {how}", tell)


def _threads(prog: Program, name_of: NameOf) -> Found:
    """Kernel threads by their thread function, and tasks whose stack holds module code."""
    for task in itertools.islice(for_each_task(prog), MAX_ENTRIES):
        who = f"{_text(task.comm)} (pid {int(task.pid.value_())})"
        if task_is_kthread(task):
            try:
                function = to_kthread(task).threadfn
            except NO_ANSWER:
                continue
            if function:
                yield _pointer("thread", f"kernel thread {who}", task, function, name_of, "runs")


# Character devices, files, file systems


def _chrdevs(prog: Program, name_of: NameOf) -> Found:
    for dev, count, name, cdev in for_each_registered_chrdev(prog):
        if not cdev:
            continue
        label = name.decode("utf-8", "backslashreplace")
        major, minor = int(MAJOR(dev)), int(MINOR(dev))
        numbers = f"{major}:{minor}" + (f"–{minor + count - 1}" if count > 1 else "")
        what = f"char device {label} {numbers} (cdev {_at(cdev)})"
        yield _pointer("char device", what, cdev, cdev.ops, name_of, "has file_operations")


def _misc(prog: Program, name_of: NameOf) -> Found:
    def tell(device: Object) -> Found:
        what = f"misc device {_text(device.name)} 10:{int(device.minor.value_())}"
        yield _pointer("char device", what, device, device.fops, name_of, "has file_operations")

    devices = list_for_each_entry("struct miscdevice", prog["misc_list"].address_of_(), "list")
    yield from _entries(devices, "char device", "misc devices", tell)


def _files(prog: Program, name_of: NameOf) -> Found:
    """Open files: each holds a reference of the module that owns its operations."""
    for task in itertools.islice(for_each_task(prog), MAX_ENTRIES):
        if int(task.pid.value_()) != int(task.tgid.value_()):
            continue  # threads share the table of their process
        try:
            for number, file in itertools.islice(for_each_file(task), MAX_CHAIN):
                if not file or int(file.f_op.value_()) >> 63 == 0:
                    continue
                who = f"{_text(task.comm)} (pid {int(task.pid.value_())}) fd {number}"
                yield _file(file, who, name_of)
        except NO_ANSWER:
            continue  # a task that is just exiting


def _file(file: Object, who: str, name_of: NameOf) -> CodePointer:
    pointer = _pointer("open file", who, file, file.f_op, name_of, "file_operations")
    if pointer.symbol is not None and "[" in pointer.symbol:  # a path costs; only where it counts
        try:
            path = d_path(file.f_path).decode("utf-8", "backslashreplace")
            pointer.text = f"{who} has {path} open, file_operations {pointer.symbol}"
        except NO_ANSWER:
            pass
    return pointer


def _filesystems(prog: Program, name_of: NameOf) -> Found:
    def tell(kind: Object) -> Found:
        for name in ("init_fs_context", "mount", "kill_sb"):
            if hasattr(kind, name) and kind.member_(name):
                what = f"file system {_text(kind.name)}"
                yield _pointer("file system", what, kind, kind.member_(name), name_of, f"{name} is")
                return

    head = prog["file_systems"]
    if head.type_.type_name() == "struct hlist_head":  # 7.x
        kinds = hlist_for_each_entry("struct file_system_type", head.address_of_(), "list")
    else:
        kinds = _linked(head.read_())
    yield from _entries(kinds, "file system", "file systems", tell)


def _proc(prog: Program, name_of: NameOf) -> Found:
    """/proc entries: their operations, and functions of seq and single files."""
    todo = [(prog["proc_root"].address_of_(), "/proc")]
    seen: set[int] = set()
    while todo:
        entry, path = todo.pop()
        for child in _proc_children(entry):
            if int(child.value_()) in seen:
                continue
            seen.add(int(child.value_()))
            where = f"{path}/{_text(child.name)}"
            if int(child.mode.value_()) & 0o170000 == 0o040000:
                todo.append((child, where))
                continue
            # Unions: proc_dir_ops shares its place with proc_ops, single_show with seq_ops.
            for member in ("proc_ops", "proc_fops", "seq_ops"):
                if hasattr(child, member) and child.member_(member):
                    function = child.member_(member)
                    yield _pointer("proc file", where, child, function, name_of, f"{member} is")


def _proc_children(entry: Object) -> Iterator[Object]:
    """A red-black tree since 3.19 or so; a list before (then nothing is told)."""
    return itertools.islice(
        rbtree_inorder_for_each_entry(
            "struct proc_dir_entry", entry.subdir.address_of_(), "subdir_node"
        ),
        MAX_CHAIN,
    )


# Devices and interrupts


def _netdevs(prog: Program, name_of: NameOf) -> Found:
    for net in itertools.islice(for_each_net(prog), MAX_CHAIN):
        devices = list_for_each_entry(
            "struct net_device", net.dev_base_head.address_of_(), "dev_list"
        )
        for device in itertools.islice(devices, MAX_CHAIN):
            what = f"network device {_text(device.name)} ({_at(device)})"
            for member in ("netdev_ops", "ethtool_ops", "header_ops", "rtnl_link_ops"):
                if hasattr(device, member) and device.member_(member):
                    ops = device.member_(member)
                    yield _pointer("netdev", what, device, ops, name_of, f"{member} is")


def _drivers(prog: Program, name_of: NameOf) -> Found:
    """Device drivers by bus; the driver's structure itself lies in the module's data."""
    kset = prog["bus_kset"].read_()
    for kobject in list_for_each_entry("struct kobject", kset.list.address_of_(), "entry"):
        private = container_of(kobject, "struct subsys_private", "subsys.kobj")
        bus = private.bus.read_()
        drivers = private.drivers_kset.read_()
        if not bus or not drivers:
            continue
        entries = list_for_each_entry("struct kobject", drivers.list.address_of_(), "entry")
        for entry in itertools.islice(entries, MAX_CHAIN):
            driver = container_of(entry, "struct driver_private", "kobj").driver.read_()
            if not driver:
                continue
            devices = container_of(entry, "struct driver_private", "kobj").klist_devices.k_list
            bound = "bound to a device" if devices.next != devices.address_of_() else "not bound"
            address = int(driver.value_())
            symbol = name_of(address)
            what = f"driver {_text(bus.name)}:{_text(driver.name)} ({bound})"
            text = f"{what}, struct {symbol or hex(address)}"
            yield CodePointer("driver", text, address, address, symbol)


def _interrupts(prog: Program, name_of: NameOf) -> Found:
    for number, descriptor in for_each_irq_desc(prog):

        def tell(action: Object, number: int = number) -> Found:
            what = f"interrupt {number} ({_text(action.name) if action.name else '?'})"
            for member in ("handler", "thread_fn"):
                if action.member_(member):
                    yield _pointer("interrupt", what, action, action.member_(member), name_of)

        actions = _linked(descriptor.action.read_())
        yield from _entries(actions, "interrupt", f"interrupt {number}", tell)


# Notifiers, probes, tracing

_CHAINS = (
    "netdev_chain", "inetaddr_chain", "inet6addr_chain", "inetaddr_validator_chain",
    "panic_notifier_list", "reboot_notifier_list", "restart_handler_list", "die_chain",
    "module_notify_list", "pm_chain_head", "cpu_pm_notifier_chain", "oom_notify_list",
    "munmap_notifier", "task_exit_notifier", "task_free_notifier", "keyboard_notifier_list",
    "vt_notifier_list", "fb_notifier_list", "crypto_chain", "memory_chain", "node_chain",
    "cpufreq_policy_notifier_list", "cpufreq_transition_notifier_list", "power_supply_notifier",
    "usb_notifier_list", "input_notifier_list", "clocksource_notifier", "xen_resume_notifier",
    "acpi_chain_head", "acpi_bus_notify_list", "acpi_lid_notifier", "backlight_notifier",
    "hibernation_chain", "vmap_notify_list", "lsm_notifier_chain", "blocking_lsm_notifier_chain",
    "fib_chain", "switchdev_notif_chain", "netlink_chain", "ctnetlink_chain", "nf_conntrack_chain",
    "mce_notifier_chain", "x86_mce_decoder_chain", "edac_mce_chain", "profile_flip_chain",
    "tracepoint_notify_list", "hvc_notifier", "thermal_notifier", "devfreq_chain", "iommu_chain",
    "cpu_chain", "cpu_notify", "hci_notifier", "rtc_notifier", "dca_provider_chain", "kvm_notifier",
)  # fmt: skip
_HEADS = ("atomic_notifier_head", "blocking_notifier_head", "raw_notifier_head",
          "srcu_notifier_head")  # fmt: skip


def _notifiers(prog: Program, name_of: NameOf) -> Found:
    """The kernel's well-known notifier chains, as far as this kernel has them."""
    for chain in _CHAINS:
        try:
            head = prog[chain]
        except LookupError:
            continue
        if getattr(head.type_, "tag", None) not in _HEADS:
            continue

        def tell(block: Object, chain: str = chain) -> Found:
            what = f"notifier {_at(block)} on {chain}"
            yield _pointer("notifier", what, block, block.notifier_call, name_of)

        yield from _entries(_linked(head.head.read_()), "notifier", chain, tell)


def _linked(entry: Object) -> Iterator[Object]:
    """A chain over ``next`` pointers up to NULL."""
    while entry:
        yield entry
        entry = entry.next.read_()


def _kprobes(prog: Program, name_of: NameOf) -> Found:
    """Kprobes by the code that they sit on and by their handlers."""
    for probe in kprobes(prog):
        place = name_of(int(probe.addr.value_())) or _at(probe.addr)
        yield _pointer("kprobe", f"kprobe {_at(probe)}", probe, probe.addr, name_of, "sits on")
        for real in _handlers(probe):
            for member in ("pre_handler", "post_handler"):
                if real.member_(member):
                    what = f"kprobe {_at(real)} on {place}"
                    yield _pointer("kprobe", what, real, real.member_(member), name_of)


def kprobes(prog: Program) -> Iterator[Object]:
    """All registered ``struct kprobe *``."""
    for head in prog["kprobe_table"]:
        probes = hlist_for_each_entry("struct kprobe", head.address_of_(), "hlist")
        yield from itertools.islice(probes, MAX_CHAIN)


def _handlers(probe: Object) -> Iterator[Object]:
    """The probes behind one place: an aggregator's list, else the probe itself."""
    if probe.list.next == probe.list.address_of_():
        yield probe
        return
    shared = list_for_each_entry("struct kprobe", probe.list.address_of_(), "list")
    yield from itertools.islice(shared, MAX_CHAIN)


def _ftrace(prog: Program, name_of: NameOf) -> Found:
    """Functions called by ftrace: tracers, livepatch, hooks."""
    ops = prog["ftrace_ops_list"].read_()
    end = prog["ftrace_list_end"].address_of_()
    for _ in range(MAX_CHAIN):
        if not ops or ops == end:
            return
        yield _pointer("ftrace", f"ftrace_ops {_at(ops)}", ops, ops.func, name_of)
        ops = ops.next.read_()


def _tracepoints(prog: Program, name_of: NameOf) -> Found:
    """Probes on the kernel's own tracepoints."""
    start = prog.symbol("__start___tracepoints_ptrs").address
    stop = prog.symbol("__stop___tracepoints_ptrs").address
    raw = prog.read(start, stop - start)
    # Relative 32-bit offsets with CONFIG_HAVE_ARCH_PREL32_RELOCATIONS (4.19).
    relative = sizeof(prog.type("tracepoint_ptr_t")) == 4
    kind = prog.type("struct tracepoint *")
    for offset in range(0, len(raw), 4 if relative else 8):
        if relative:
            value = int.from_bytes(raw[offset : offset + 4], "little", signed=True)
            address = start + offset + value
        else:
            address = int.from_bytes(raw[offset : offset + 8], "little")
        point = Object(prog, kind, address)
        functions = point.funcs.read_()
        for index in range(MAX_CHAIN if functions else 0):
            if not functions[index].func:
                break
            what = f"tracepoint {_text(point.name)}"
            yield _pointer("tracepoint", what, point, functions[index].func, name_of)


_SWEEPS: dict[str, Callable[[Program, NameOf], Found]] = {
    "timers": _timers,
    "hrtimers": _hrtimers,
    "work items": _works,
    "threads": _threads,
    "char devices": _chrdevs,
    "misc devices": _misc,
    "open files": _files,
    "file systems": _filesystems,
    "proc files": _proc,
    "network devices": _netdevs,
    "drivers": _drivers,
    "interrupts": _interrupts,
    "notifiers": _notifiers,
    "kprobes": _kprobes,
    "ftrace": _ftrace,
    "tracepoints": _tracepoints,
}


def stack_users(
    prog: Program,
    port: Port,
    name_of: NameOf,
    spans: Sequence[tuple[int, int]],
    known: Mapping[int, Sequence[int]],
) -> Found:
    """Tasks in whose stack trace the code in ``spans`` (``[start, end)``) appears.

    The raw stack is searched first: unwinding all tasks of a big machine would take too long.

    :param known: ``struct task_struct`` address → program counters of its trace, for a task that
        the caller can unwind and drgn alone cannot (the crashed one, without saved registers).
    """
    size = stacks.thread_size(port)
    for task in itertools.islice(for_each_task(prog), MAX_ENTRIES):
        address = int(task.value_())
        counters = known.get(address)
        if counters is None:
            try:
                if not _stack_holds(prog, int(task.stack.value_()), size, spans):
                    continue
                counters = list(_counters(prog.stack_trace(task)))
            except NO_ANSWER:
                continue
        pc = next((pc for pc in counters if any(s <= pc < end for s, end in spans)), None)
        if pc is not None:
            who = f"{_text(task.comm)} (pid {int(task.pid.value_())})"
            symbol = name_of(pc)
            yield CodePointer("stack", f"{who} is in {symbol or hex(pc)}", address, pc, symbol)


def _counters(trace: StackTrace) -> Iterator[int]:
    for frame in trace:
        try:
            yield int(frame.pc)
        except LookupError:  # a frame without a program counter is the last one
            return


def _stack_holds(prog: Program, base: int, size: int, spans: Sequence[tuple[int, int]]) -> bool:
    if not base:
        return False
    words = memoryview(prog.read(base, size)).cast("Q")
    return any(start <= word < end for word in words for start, end in spans)
