// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A module with known values in every place that "mods NAME" looks at. Nothing of it fires within
 * an hour; "echo rodata > /proc/planted" makes the kernel fault on a write to this module's
 * constants, "echo wild" on a call to where planted_gone was, "echo init" on a call of init code
 * that was freed.
 */
#include <linux/cdev.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/jump_label.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/proc_fs.h>
#include <linux/reboot.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define timer_delete_sync del_timer_sync
#endif

/* Other than planted_gone's hour: a timer that was left behind hides those of its bucket. */
#define LONG (3 * 3600 * HZ)

static int number = -7;
module_param(number, int, 0644);
MODULE_PARM_DESC(number, "a number");
static unsigned long big = 0xfedcba9876543210UL;
module_param(big, ulong, 0444);
static bool yes = true;
module_param(yes, bool, 0444);
static char *text = "planted text";
module_param(text, charp, 0400);
static char *nothing;
module_param(nothing, charp, 0);
static short some[4] = { 1, -2, 3 };
static int some_count = 3;
module_param_array(some, short, &some_count, 0444);
static char copied[16] = "copied";
module_param_string(copied, copied, sizeof(copied), 0444);

DEFINE_STATIC_KEY_FALSE(planted_key);
static DEFINE_SPINLOCK(planted_lock);
static DEFINE_PER_CPU(long, planted_counter);

static const char planted_constant[64] = "this cannot be written";

/* Not static: the compiler must call it, and other modules do. */
noinline int planted_hello(int value)
{
	unsigned long flags;

	spin_lock_irqsave(&planted_lock, flags);
	if (static_branch_unlikely(&planted_key))
		pr_info("the key is on\n");
	this_cpu_inc(planted_counter);
	spin_unlock_irqrestore(&planted_lock, flags);
	return value + number;
}
EXPORT_SYMBOL(planted_hello);

noinline int planted_secret(int (*function)(int))
{
	return function(1) + 1;
}
EXPORT_SYMBOL_GPL(planted_secret);

/* planted_gone leaves a pointer to its code here. */
void (*planted_callback)(void);
EXPORT_SYMBOL_GPL(planted_callback);

static int planted_word;

static noinline int __init planted_init_only(void)
{
	return planted_word++;
}
/* Called when init is long over and its memory is given back. */
static int (*planted_late)(void) __refdata = planted_init_only;

static void planted_timer_fn(struct timer_list *timer)
{
}
static DEFINE_TIMER(planted_timer, planted_timer_fn);

static enum hrtimer_restart planted_hrtimer_fn(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}
static struct hrtimer planted_hrtimer;

static void planted_work_fn(struct work_struct *work)
{
}
static DECLARE_DELAYED_WORK(planted_delayed_work, planted_work_fn);

static noinline void planted_running_fn(struct work_struct *work)
{
	ssleep(3600);
}
static DECLARE_WORK(planted_running_work, planted_running_fn);

static noinline int planted_thread_fn(void *data)
{
	while (!kthread_should_stop())
		schedule_timeout_interruptible(LONG);
	return 0;
}
static struct task_struct *planted_thread;

static const struct file_operations planted_fops = {
	.owner = THIS_MODULE,
	.llseek = noop_llseek,
};
static struct miscdevice planted_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "planted_misc",
	.fops = &planted_fops,
};

static int planted_reboot(struct notifier_block *block, unsigned long action, void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block planted_notifier = { .notifier_call = planted_reboot };

static int planted_pre(struct kprobe *probe, struct pt_regs *regs)
{
	return 0;
}
static struct kprobe planted_probe = {
	.symbol_name = "planted_secret",
	/* Behind endbr64 and the ftrace site: an int3 in the code, not a call by ftrace. */
	.offset = IS_ENABLED(CONFIG_X86_KERNEL_IBT) ? 9 : 5,
	.pre_handler = planted_pre,
};

static int planted_probe_device(struct platform_device *device)
{
	return 0;
}
static struct platform_driver planted_driver = {
	.probe = planted_probe_device,
	.driver = { .name = "planted_driver" },
};

static netdev_tx_t planted_xmit(struct sk_buff *skb, struct net_device *device)
{
	dev_kfree_skb(skb);
	return NETDEV_TX_OK;
}
static const struct net_device_ops planted_netdev_ops = { .ndo_start_xmit = planted_xmit };
static struct net_device *planted_netdev;
static int planted_major;

static ssize_t planted_write(struct file *file, const char __user *buffer, size_t size,
			     loff_t *offset)
{
	char word[8] = "";
	volatile char *constant = (volatile char *)planted_constant;

	if (copy_from_user(word, buffer, min(size, sizeof(word) - 1)))
		return -EFAULT;
	if (!strncmp(word, "rodata", 6))
		constant[16] = 'x'; /* FAULT: rodata */
	if (!strncmp(word, "wild", 4) && planted_callback)
		planted_callback(); /* FAULT: wild */
	if (!strncmp(word, "init", 4))
		planted_late(); /* FAULT: init */
	return size;
}

static const struct proc_ops planted_proc_ops = { .proc_write = planted_write };

static void planted_netdev_setup(struct net_device *device)
{
	ether_setup(device);
	device->netdev_ops = &planted_netdev_ops;
}

static int __init planted_init(void)
{
	mod_timer(&planted_timer, jiffies + LONG);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(&planted_hrtimer, planted_hrtimer_fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(&planted_hrtimer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	planted_hrtimer.function = planted_hrtimer_fn;
#endif
	hrtimer_start(&planted_hrtimer, ktime_set(3600, 0), HRTIMER_MODE_REL);
	schedule_delayed_work(&planted_delayed_work, LONG);
	schedule_work(&planted_running_work);
	planted_thread = kthread_run(planted_thread_fn, NULL, "planted_thread");
	planted_major = register_chrdev(0, "planted_char", &planted_fops);
	register_reboot_notifier(&planted_notifier);
	proc_create("planted", 0600, NULL, &planted_proc_ops);
	planted_netdev = alloc_netdev(0, "planted%d", NET_NAME_UNKNOWN, planted_netdev_setup);
	static_branch_enable(&planted_key);
	return misc_register(&planted_misc) ?: platform_driver_register(&planted_driver) ?:
	       register_kprobe(&planted_probe) ?: register_netdev(planted_netdev);
}
module_init(planted_init);

static void __exit planted_exit(void)
{
	unregister_netdev(planted_netdev);
	unregister_kprobe(&planted_probe);
	platform_driver_unregister(&planted_driver);
	misc_deregister(&planted_misc);
	remove_proc_entry("planted", NULL);
	unregister_reboot_notifier(&planted_notifier);
	unregister_chrdev(planted_major, "planted_char");
	kthread_stop(planted_thread);
	cancel_delayed_work_sync(&planted_delayed_work);
	hrtimer_cancel(&planted_hrtimer);
	timer_delete_sync(&planted_timer);
}
module_exit(planted_exit);

MODULE_DESCRIPTION("Known values for the tests of mods");
MODULE_VERSION("1.2.3");
MODULE_LICENSE("GPL");
