{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/atomic.h>
#include <linux/init.h>
#include <linux/kprobes.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

static char *symbol = "kernel_clone";
module_param(symbol, charp, 0444);
MODULE_PARM_DESC(symbol, "the kernel function whose calls are counted");

/* Calls by the time since the call before. */
static atomic_t lkm_calls[BUCKETS];
static atomic64_t lkm_last;

/* Runs with preemption off, at every call of the function. */
static int lkm_pre(struct kprobe *probe, struct pt_regs *regs)
{
	u64 now = ktime_get_ns();
	u64 last = atomic64_xchg(&lkm_last, now);

	atomic_inc(&lkm_calls[bucket(last ? now - last : 0)]);
	return 0;
}

static struct kprobe lkm_probe = {
	.pre_handler = lkm_pre,
};

static int __init {{ m }}_init(void)
{
	int error;

	lkm_probe.symbol_name = symbol;
	error = register_kprobe(&lkm_probe);
	if (error) {
		pr_err("%s() cannot be probed: error %d\n", symbol, error);
		return error;
	}
	pr_info("counts the calls of %s()\n", symbol);
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
	int i;

{% include "fault_at_exit.c" %}
	unregister_kprobe(&lkm_probe);
	for (i = 0; i < BUCKETS; i++)
		if (atomic_read(&lkm_calls[i]))
			pr_info("%s(): %d calls within 2^%d ns of the last\n",
				symbol, atomic_read(&lkm_calls[i]), i);
}
