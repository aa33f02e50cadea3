{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

static unsigned int work;
module_param(work, uint, 0644);
MODULE_PARM_DESC(work, "how many items the thread shall work off");

static struct task_struct *lkm_thread;

/* One item of work, if there is any. */
static bool lkm_work(void)
{
	unsigned int left = READ_ONCE(work);

	if (!left)
		return false;
	WRITE_ONCE(work, left - 1);
	pr_info("%u items are left\n", left - 1);
	return true;
}

static int lkm_run(void *unused)
{
	unsigned int delay = DELAY_MIN_MS;

	while (!kthread_should_stop()) {
		delay = next_delay(delay, lkm_work());
		schedule_timeout_interruptible(msecs_to_jiffies(delay));
	}
	return 0;
}

static int __init {{ m }}_init(void)
{
	lkm_thread = kthread_run(lkm_run, NULL, KBUILD_MODNAME);
	if (IS_ERR(lkm_thread))
		return PTR_ERR(lkm_thread);
	pr_info("thread %d runs\n", lkm_thread->pid);
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	kthread_stop(lkm_thread);
}
