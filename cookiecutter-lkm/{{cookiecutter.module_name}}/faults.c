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
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "faults.h"

/*
 * Pointers that are NULL, or were never pointers
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

/*
 * Faults of other kinds that a task runs into by itself
 */

static noinline void fault_divide_by_zero(struct lkm_request *req)
{
	unsigned int share;

	share = 100 / req->count; /* FAULT: divide-by-zero */
	pr_info("request %d: share %u\n", req->id, share);
}

static noinline void fault_bug(struct lkm_request *req)
{
	BUG_ON(req->id > 0); /* FAULT: bug */
	pr_info("request %d\n", req->id);
}

static noinline void fault_warn(struct lkm_request *req)
{
	WARN_ON(req->id > 0); /* FAULT: warn */
}

static noinline void fault_panic(struct lkm_request *req)
{
	panic("request %d cannot be served", req->id); /* FAULT: panic */
}

/*
 * Other contexts than that of the task that asked
 */

static noinline void fault_null_timer(struct timer_list *timer)
{
	struct lkm_request *req = container_of(timer, struct lkm_request, timer);

	req->file->f_flags = 0; /* FAULT: null-timer */
}

static void start_null_timer(struct lkm_request *req)
{
	timer_setup(&req->timer, fault_null_timer, 0);
	mod_timer(&req->timer, jiffies + 1);
	msleep(1000);
}

static noinline void fault_null_work(struct work_struct *work)
{
	struct lkm_request *req = container_of(to_delayed_work(work),
					       struct lkm_request, work);

	req->file->f_flags = 0; /* FAULT: null-work */
}

static void start_null_work(struct lkm_request *req)
{
	INIT_DELAYED_WORK(&req->work, fault_null_work);
	schedule_delayed_work(&req->work, 0);
	msleep(1000);
}

const struct lkm_fault lkm_faults[] = {
	{ "null-write-unload",
	  "the module's exit function writes through a NULL pointer", NULL, true },
	{ "null-write", "writes through a NULL pointer", fault_null_write },
	{ "null-read", "reads through a NULL pointer", fault_null_read },
	{ "null-call", "calls a function pointer that is NULL", fault_null_call },
	{ "struct-member-of-null",
	  "reads a member of a structure whose pointer is NULL",
	  fault_struct_member_of_null },
	{ "err-ptr", "uses an error code as if it were a pointer", fault_err_ptr },
	{ "non-canonical", "follows a pointer that a string has overwritten",
	  fault_non_canonical },
	{ "divide-by-zero", "divides by zero", fault_divide_by_zero },
	{ "bug", "runs into a BUG_ON()", fault_bug },
	{ "warn", "runs into a WARN_ON()", fault_warn },
	{ "panic", "calls panic()", fault_panic },
	{ "null-timer", "writes through a NULL pointer in a timer (softirq)",
	  start_null_timer },
	{ "null-work", "writes through a NULL pointer in a work item",
	  start_null_work },
	{}
};

void faults_exit(void)
{
}
