// SPDX-License-Identifier: {{ cookiecutter.license }}
/*
 * The faults. One small function each, found by name in the table at the end.
 *
 * The line that is wrong carries a comment with the name of the fault, so that
 * people, tools and tests know the truth; faults.json says the rest of it. To
 * add a fault: write the function, add it to the table and to faults.json.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bug.h>
#include <linux/compiler.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/gfp.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mutex.h>
#include <linux/objtool.h>
#include <linux/pid.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysrq.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "faults.h"

/* Long enough for a timer, a work item or a thread to run into its fault. */
#define FAULT_WAIT_MS 1000

/*
 * Pointers that are NULL
 */

static noinline void fault_null_write(struct lkm_request *req)
{
	int *p = NULL;

	*p = 1; /* FAULT: null-write */
}

static noinline void fault_null_read(struct lkm_request *req)
{
	int *p = NULL;
	int value;

	value = *p; /* FAULT: null-read */
	pr_info("request %d: value %d\n", req->id, value);
}

static noinline void fault_null_call(struct lkm_request *req)
{
	req->complete(req); /* FAULT: null-call */
	pr_info("request %d: complete\n", req->id);
}

static noinline void fault_struct_member_of_null(struct lkm_request *req)
{
	unsigned int flags;

	flags = req->file->f_flags; /* FAULT: struct-member-of-null */
	pr_info("request %d: flags %x\n", req->id, flags);
}

/* The member lies so far in that the address is no longer in the first page. */
struct lkm_ring {
	char slots[2 * PAGE_SIZE];
	int head;
};

static noinline void fault_null_far_member(struct lkm_request *req)
{
	struct lkm_ring *ring = NULL;
	int head;

	head = ring->head; /* FAULT: null-far-member */
	pr_info("request %d: head %d\n", req->id, head);
}

/* The structure begins before the member that the NULL pointer stands for. */
static noinline void fault_null_container_of(struct lkm_request *req)
{
	struct list_head *next = NULL;
	struct lkm_request *other;

	other = container_of(next, struct lkm_request, node);
	req->id = other->id; /* FAULT: null-container-of */
}

/* The instruction that faults is in the kernel's own strlen(). */
static noinline void fault_null_string(struct lkm_request *req)
{
	size_t length;

	length = strlen(req->label); /* FAULT: null-string */
	pr_info("request %d: label of %zu bytes\n", req->id, length);
}

static __always_inline void lkm_request_reset(struct lkm_request *req)
{
	req->file->f_flags = 0; /* FAULT: null-inline */
}

/* The line that is wrong is in a function that was inlined into this one. */
static noinline void fault_null_inline(struct lkm_request *req)
{
	lkm_request_reset(req);
	req->id = 0;
}

/*
 * Pointers that were never pointers
 */

static noinline void fault_err_ptr(struct lkm_request *req)
{
	unsigned int flags;

	/* Nobody asks IS_ERR() before the pointer is used. */
	req->file = filp_open("/no/such/file", O_RDONLY, 0);
	flags = req->file->f_flags; /* FAULT: err-ptr */
	pr_info("request %d: flags %x\n", req->id, flags);
}

static noinline void fault_non_canonical(struct lkm_request *req)
{
	unsigned int flags;

	/* As if a string had run over the pointer. */
	memset(&req->file, 'A', sizeof(req->file));
	flags = req->file->f_flags; /* FAULT: non-canonical */
	pr_info("request %d: flags %x\n", req->id, flags);
}

static noinline void fault_user_pointer(struct lkm_request *req)
{
	unsigned long address;
	const int *user;
	int value;

	/* An address of the task's own that is not mapped any more. */
	address = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(address))
		return;
	vm_munmap(address, PAGE_SIZE);
	user = (const int *)address;
	value = *user; /* FAULT: user-pointer */
	pr_info("request %d: value %d\n", req->id, value);
}

/*
 * Memory that is not what the code takes it for
 */

static noinline void fault_out_of_bounds(struct lkm_request *req)
{
	int last = PAGE_SIZE / sizeof(int);
	int *table;
	int i;

	table = vmalloc(PAGE_SIZE);
	if (!table)
		return;
	/* One too many: the page behind is vmalloc's guard page. */
	for (i = 0; i <= last; i++)
		table[i] = req->id; /* FAULT: out-of-bounds */
	vfree(table);
}

static const int lkm_limits[] = { 16, 64, 256 };

static noinline void fault_write_to_rodata(struct lkm_request *req)
{
	int *limit = (int *)&lkm_limits[1];

	OPTIMIZER_HIDE_VAR(limit);
	*limit = req->id; /* FAULT: write-to-rodata */
}

static u8 lkm_program[16];

static noinline void fault_exec_data(struct lkm_request *req)
{
	req->complete = (void *)lkm_program;
	req->complete(req); /* FAULT: exec-data */
	pr_info("request %d: complete\n", req->id);
}

/*
 * The slab allocator. The cache asks for all of SLUB's checks, so that the
 * faults show on a kernel that was booted without slub_debug (from 5.14 on:
 * commit 1f0723a4c0df "mm, slub: enable slub_debug static key when creating
 * cache with explicit debug flags").
 */

static struct kmem_cache *lkm_request_cache;

static struct lkm_request *lkm_request_alloc(void)
{
	const slab_flags_t flags = SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE |
				   SLAB_POISON | SLAB_STORE_USER;
	const char *const name = KBUILD_MODNAME "_request";
	const size_t size = sizeof(struct lkm_request);
	struct kmem_cache *cache = lkm_request_cache;

	if (!cache)
		cache = kmem_cache_create(name, size, 0, flags, NULL);
	if (!cache)
		return NULL;
	lkm_request_cache = cache;
	return kmem_cache_zalloc(cache, GFP_KERNEL);
}

static noinline void fault_use_after_free(struct lkm_request *req)
{
	struct lkm_request *victim = lkm_request_alloc();
	unsigned int flags;

	if (!victim)
		return;
	victim->owner = current;
	kmem_cache_free(lkm_request_cache, victim);
	flags = victim->owner->flags; /* FAULT: use-after-free */
	pr_info("request %d: flags %x\n", req->id, flags);
}

static noinline void fault_use_after_free_write(struct lkm_request *req)
{
	struct lkm_request *victim = lkm_request_alloc();

	if (!victim)
		return;
	kmem_cache_free(lkm_request_cache, victim);
	victim->count = req->id; /* FAULT: use-after-free-write */
	/* The allocator looks at the object when it hands it out again. */
	victim = lkm_request_alloc();
	if (victim)
		kmem_cache_free(lkm_request_cache, victim);
}

static noinline void fault_slab_out_of_bounds(struct lkm_request *req)
{
	struct lkm_request *victim = lkm_request_alloc();
	u8 *end;

	if (!victim)
		return;
	end = (u8 *)(victim + 1);
	OPTIMIZER_HIDE_VAR(end);
	*end = req->id; /* FAULT: slab-out-of-bounds */
	kmem_cache_free(lkm_request_cache, victim);
}

static noinline void fault_double_free(struct lkm_request *req)
{
	char *label = kmalloc(32, GFP_KERNEL);

	kfree(label);
	kfree(label); /* FAULT: double-free */
	pr_info("request %d: freed twice\n", req->id);
}

/*
 * The kernel's own checks
 */

static LIST_HEAD(lkm_queue);

static noinline void fault_list_corruption(struct lkm_request *req)
{
	list_add(&req->node, &lkm_queue);
	list_add(&req->node, &lkm_queue); /* FAULT: list-corruption */
}

static noinline void fault_list_double_del(struct lkm_request *req)
{
	list_add(&req->node, &lkm_queue);
	list_del(&req->node);
	list_del(&req->node); /* FAULT: list-double-del */
}

static noinline void fault_usercopy(struct lkm_request *req)
{
	size_t length = PAGE_SIZE;
	unsigned long address;
	void __user *user;

	address = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			  MAP_ANONYMOUS | MAP_PRIVATE, 0);
	if (IS_ERR_VALUE(address))
		return;
	user = (void __user *)address;
	/* More than the request has: its neighbours would leak to the user. */
	OPTIMIZER_HIDE_VAR(length);
	if (copy_to_user(user, req, length)) /* FAULT: usercopy */
		pr_info("request %d: not copied\n", req->id);
	vm_munmap(address, PAGE_SIZE);
}

static noinline void fault_fortify(struct lkm_request *req)
{
	static const char source[64] = "a label that is longer than its place";
	size_t length = sizeof(source);
	char label[16];

	OPTIMIZER_HIDE_VAR(length);
	memcpy(label, source, length); /* FAULT: fortify */
	pr_info("request %d: label %.16s\n", req->id, label);
}

static noinline void fault_refcount(struct lkm_request *req)
{
	refcount_t users;

	refcount_set(&users, 1);
	if (refcount_dec_and_test(&users))
		refcount_inc(&users); /* FAULT: refcount */
	pr_info("request %d: %u users\n", req->id, refcount_read(&users));
}

static noinline void fault_bug(struct lkm_request *req)
{
	BUG_ON(req->id > 0); /* FAULT: bug */
	pr_info("request %d\n", req->id);
}

static noinline void fault_warn(struct lkm_request *req)
{
	WARN_ON(req->id > 0); /* FAULT: warn */
	pr_info("request %d\n", req->id);
}

static noinline void fault_panic(struct lkm_request *req)
{
	panic("request %d cannot be served", req->id); /* FAULT: panic */
}

/*
 * The stack, and what only the processor objects to
 */

static noinline void fault_stack_overflow(struct lkm_request *req)
{
	char frame[512];

	memset(frame, req->id, sizeof(frame));
	if (req->id)
		fault_stack_overflow(req); /* FAULT: stack-overflow */
	barrier_data(frame);
}

static noinline void fault_stack_smash(struct lkm_request *req)
{
	char label[16];
	char *end = label;

	OPTIMIZER_HIDE_VAR(end);
	memset(end, 'A', 4 * sizeof(label)); /* FAULT: stack-smash */
	pr_info("request %d: label %.16s\n", req->id, end);
}

static noinline void fault_divide_by_zero(struct lkm_request *req)
{
	unsigned int share;

	share = 100 / req->count; /* FAULT: divide-by-zero */
	pr_info("request %d: share %u\n", req->id, share);
}

#ifdef CONFIG_X86_64
static noinline void fault_invalid_opcode(struct lkm_request *req)
{
	asm volatile("ud2"); /* FAULT: invalid-opcode */
	pr_info("request %d\n", req->id);
}

/* objtool takes ud2 for the end of the function. */
STACK_FRAME_NON_STANDARD(fault_invalid_opcode);

static noinline void fault_general_protection(struct lkm_request *req)
{
	/* Far behind the end of the descriptor table. */
	unsigned int sel = 0xfff8;

	asm volatile("mov %0, %%fs" ::"r"(sel)); /* FAULT: general-protection */
	pr_info("request %d\n", req->id);
}

/* The page fault cannot be delivered either, because it needs the stack. */
static noinline void fault_double_fault(struct lkm_request *req)
{
	asm volatile("xor %esp, %esp; push %rax"); /* FAULT: double-fault */
}

STACK_FRAME_NON_STANDARD(fault_double_fault);
#endif

/*
 * Locks, and tasks that do not get on
 */

static DEFINE_SPINLOCK(lkm_lock);

static noinline void fault_atomic_sleep(struct lkm_request *req)
{
	spin_lock(&lkm_lock);
	msleep(20); /* FAULT: atomic-sleep */
	spin_unlock(&lkm_lock);
}

static noinline void fault_spinlock_recursion(struct lkm_request *req)
{
	spin_lock(&lkm_lock);
	spin_lock(&lkm_lock); /* FAULT: spinlock-recursion */
	spin_unlock(&lkm_lock);
	spin_unlock(&lkm_lock);
}

static noinline void fault_soft_lockup(struct lkm_request *req)
{
	preempt_disable();
	while (READ_ONCE(req->id)) /* FAULT: soft-lockup */
		cpu_relax();
	preempt_enable();
}

static noinline void fault_hard_lockup(struct lkm_request *req)
{
	local_irq_disable();
	while (READ_ONCE(req->id)) /* FAULT: hard-lockup */
		cpu_relax();
	local_irq_enable();
}

static noinline void fault_rcu_stall(struct lkm_request *req)
{
	rcu_read_lock();
	while (READ_ONCE(req->id)) /* FAULT: rcu-stall */
		cpu_relax();
	rcu_read_unlock();
}

static DEFINE_MUTEX(lkm_mutex_a);
static DEFINE_MUTEX(lkm_mutex_b);

struct lkm_mutex_pair {
	struct mutex *first; /* taken at once */
	struct mutex *second; /* taken when the other thread has it */
};

static noinline int fault_hung_task(void *data)
{
	struct lkm_mutex_pair *pair = data;

	mutex_lock(pair->first);
	msleep(FAULT_WAIT_MS / 2);
	mutex_lock(pair->second); /* FAULT: hung-task */
	mutex_unlock(pair->second);
	mutex_unlock(pair->first);
	return 0;
}

static void start_hung_task(struct lkm_request *req)
{
	static struct lkm_mutex_pair ab = { &lkm_mutex_a, &lkm_mutex_b };
	static struct lkm_mutex_pair ba = { &lkm_mutex_b, &lkm_mutex_a };

	kthread_run(fault_hung_task, &ab, KBUILD_MODNAME "-ab");
	kthread_run(fault_hung_task, &ba, KBUILD_MODNAME "-ba");
	msleep(FAULT_WAIT_MS);
}

/*
 * Other contexts than that of the task that asked
 */

static noinline void fault_null_timer(struct timer_list *timer)
{
	struct lkm_request *req;

	req = container_of(timer, struct lkm_request, timer);
	req->file->f_flags = 0; /* FAULT: null-timer */
}

static void start_null_timer(struct lkm_request *req)
{
	timer_setup(&req->timer, fault_null_timer, 0);
	mod_timer(&req->timer, jiffies + 1);
	msleep(FAULT_WAIT_MS);
}

static noinline void fault_null_hardirq(struct irq_work *irq_work)
{
	struct lkm_request *req;

	req = container_of(irq_work, struct lkm_request, irq_work);
	req->file->f_flags = 0; /* FAULT: null-hardirq */
}

static void start_null_hardirq(struct lkm_request *req)
{
	init_irq_work(&req->irq_work, fault_null_hardirq);
	irq_work_queue(&req->irq_work);
	msleep(FAULT_WAIT_MS);
}

static noinline void fault_null_work(struct work_struct *work)
{
	struct lkm_request *req;

	req = container_of(to_delayed_work(work), struct lkm_request, work);
	req->file->f_flags = 0; /* FAULT: null-work */
}

static void start_null_work(struct lkm_request *req)
{
	INIT_DELAYED_WORK(&req->work, fault_null_work);
	schedule_delayed_work(&req->work, 0);
	msleep(FAULT_WAIT_MS);
}

static noinline int fault_null_kthread(void *data)
{
	struct lkm_request *req = data;

	req->file->f_flags = 0; /* FAULT: null-kthread */
	return 0;
}

static void start_null_kthread(struct lkm_request *req)
{
	kthread_run(fault_null_kthread, req, KBUILD_MODNAME "-fault");
	msleep(FAULT_WAIT_MS);
}

/* Nobody cancels the work item, and it outlives the code that it shall run. */
static noinline void fault_work_after_unload(struct work_struct *work)
{
	pr_info("this line is never printed\n"); /* FAULT: work-after-unload */
}

static void start_work_after_unload(struct lkm_request *req)
{
	INIT_DELAYED_WORK(&req->work, fault_work_after_unload);
	schedule_delayed_work(&req->work, msecs_to_jiffies(FAULT_WAIT_MS));
}

/*
 * The whole machine
 */

static noinline void fault_oom(struct lkm_request *req)
{
	struct page *page, *next;
	LIST_HEAD(pages);

	while (!fatal_signal_pending(current)) {
		page = alloc_page(GFP_KERNEL); /* FAULT: oom */
		if (!page)
			break;
		list_add(&page->lru, &pages);
	}
	list_for_each_entry_safe(page, next, &pages, lru)
		__free_page(page);
}

static noinline void fault_init_killed(struct lkm_request *req)
{
	struct pid *pid = find_get_pid(1);
	struct task_struct *init = get_pid_task(pid, PIDTYPE_PID);

	/* init is safe from SIGKILL, but not from a trap of its own. */
	init->signal->flags &= ~SIGNAL_UNKILLABLE;
	send_sig(SIGSYS, init, 1); /* FAULT: init-killed */
	put_task_struct(init);
	put_pid(pid);
	msleep(FAULT_WAIT_MS);
}

#ifdef CONFIG_MAGIC_SYSRQ
static noinline void fault_sysrq(struct lkm_request *req)
{
	handle_sysrq('c'); /* FAULT: sysrq */
	/* Not the last call: as a jump it would leave no frame on the stack. */
	pr_info("request %d: back from SysRq\n", req->id);
}
#endif

const struct lkm_fault lkm_faults[] = {
	{ "null-write-unload",
	  "the module's exit function writes through a NULL pointer", NULL,
	  true },
	{ "null-write", "writes through a NULL pointer", fault_null_write },
	{ "null-read", "reads through a NULL pointer", fault_null_read },
	{ "null-call", "calls a function pointer that is NULL",
	  fault_null_call },
	{ "struct-member-of-null",
	  "reads a member of a structure whose pointer is NULL",
	  fault_struct_member_of_null },
	{ "null-far-member",
	  "reads a member that lies more than a page behind a NULL pointer",
	  fault_null_far_member },
	{ "null-container-of",
	  "reads a structure that container_of() found around a NULL pointer",
	  fault_null_container_of },
	{ "null-string", "measures a string that is NULL", fault_null_string },
	{ "null-inline", "writes through a NULL pointer in an inlined function",
	  fault_null_inline },
	{ "err-ptr", "uses an error code as if it were a pointer",
	  fault_err_ptr },
	{ "non-canonical", "follows a pointer that a string has overwritten",
	  fault_non_canonical },
	{ "user-pointer", "reads a user-space address without copy_from_user()",
	  fault_user_pointer },
	{ "out-of-bounds", "writes behind the end of a vmalloc() table",
	  fault_out_of_bounds },
	{ "write-to-rodata", "writes to a constant", fault_write_to_rodata },
	{ "exec-data", "jumps into data", fault_exec_data },
	{ "use-after-free", "follows a pointer in an object that was freed",
	  fault_use_after_free },
	{ "use-after-free-write", "writes to an object that was freed",
	  fault_use_after_free_write },
	{ "slab-out-of-bounds", "writes behind the end of a slab object",
	  fault_slab_out_of_bounds },
	{ "double-free", "frees an object twice", fault_double_free },
	{ "list-corruption", "adds an entry to a list twice",
	  fault_list_corruption },
	{ "list-double-del", "deletes an entry from a list twice",
	  fault_list_double_del },
	{ "usercopy", "copies more to user space than the object has",
	  fault_usercopy },
	{ "fortify", "copies more into an array than it can hold",
	  fault_fortify },
	{ "refcount", "takes a reference when the count is already zero",
	  fault_refcount },
	{ "bug", "runs into a BUG_ON()", fault_bug },
	{ "warn", "runs into a WARN_ON()", fault_warn },
	{ "panic", "calls panic()", fault_panic },
	{ "stack-overflow", "calls itself until the stack is full",
	  fault_stack_overflow },
	{ "stack-smash", "writes over the return address on its stack",
	  fault_stack_smash },
	{ "divide-by-zero", "divides by zero", fault_divide_by_zero },
#ifdef CONFIG_X86_64
	{ "invalid-opcode", "executes an instruction that is none",
	  fault_invalid_opcode },
	{ "general-protection", "loads a segment register with a bad selector",
	  fault_general_protection },
	{ "double-fault", "pushes to a stack at address 0",
	  fault_double_fault },
#endif
	{ "atomic-sleep", "sleeps while it holds a spinlock",
	  fault_atomic_sleep },
	{ "spinlock-recursion", "takes a spinlock that it already holds",
	  fault_spinlock_recursion },
	{ "soft-lockup", "spins with preemption off", fault_soft_lockup },
	{ "hard-lockup", "spins with interrupts off", fault_hard_lockup },
	{ "rcu-stall", "spins in an RCU read-side section", fault_rcu_stall },
	{ "hung-task", "two threads wait for each other's mutex (ABBA)",
	  start_hung_task },
	{ "null-timer", "writes through a NULL pointer in a timer (softirq)",
	  start_null_timer },
	{ "null-hardirq", "writes through a NULL pointer in a hard interrupt",
	  start_null_hardirq },
	{ "null-work", "writes through a NULL pointer in a work item",
	  start_null_work },
	{ "null-kthread", "writes through a NULL pointer in a kernel thread",
	  start_null_kthread },
	{ "work-after-unload", "a work item runs after its module was unloaded",
	  start_work_after_unload, true },
	{ "oom", "allocates until no memory is left", fault_oom },
	{ "init-killed", "kills the first process", fault_init_killed },
#ifdef CONFIG_MAGIC_SYSRQ
	{ "sysrq", "asks for a crash as SysRq-c does", fault_sysrq },
#endif
	{},
};

/**
 * faults_exit() - give back what the faults that did not crash have left
 */
void faults_exit(void)
{
	kmem_cache_destroy(lkm_request_cache);
}
