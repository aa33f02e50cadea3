// SPDX-License-Identifier: GPL-2.0-or-later
/* Forgets a timer and a notifier when it is unloaded: the kernel keeps pointers to its memory. */
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/timer.h>

extern void (*planted_callback)(void);

static void gone_callback(void)
{
}

static void gone_timer_fn(struct timer_list *timer)
{
}
static DEFINE_TIMER(gone_timer, gone_timer_fn);

static int gone_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block gone_notifier = {
	.notifier_call = gone_reboot,
	.priority = -1000, /* last: the kernel never walks past it in these tests */
};

static int __init gone_init(void)
{
	mod_timer(&gone_timer, jiffies + 3600 * HZ);
	register_reboot_notifier(&gone_notifier);
	planted_callback = gone_callback;
	return 0;
}
module_init(gone_init);

static void __exit gone_exit(void)
{
}
module_exit(gone_exit);

MODULE_DESCRIPTION("Leaves pointers behind");
MODULE_LICENSE("GPL");
