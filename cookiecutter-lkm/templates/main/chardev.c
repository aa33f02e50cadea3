{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/minmax.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

/* Guards the fifo. */
static DEFINE_MUTEX(lkm_lock);
static struct fifo lkm_fifo;

static ssize_t lkm_read(struct file *file, char __user *user, size_t count,
			loff_t *pos)
{
	size_t taken;
	char *bytes;

	count = min_t(size_t, count, FIFO_SIZE);
	bytes = kmalloc(count, GFP_KERNEL);
	if (!bytes)
		return -ENOMEM;

	mutex_lock(&lkm_lock);
	taken = fifo_take(&lkm_fifo, bytes, count);
	mutex_unlock(&lkm_lock);

	if (copy_to_user(user, bytes, taken)) {
		kfree(bytes);
		return -EFAULT;
	}
	kfree(bytes);
	return taken;
}

static ssize_t lkm_write(struct file *file, const char __user *user,
			 size_t count, loff_t *pos)
{
	size_t put;
	char *bytes;

	count = min_t(size_t, count, FIFO_SIZE);
	bytes = memdup_user(user, count);
	if (IS_ERR(bytes))
		return PTR_ERR(bytes);

	mutex_lock(&lkm_lock);
	put = fifo_put(&lkm_fifo, bytes, count);
	mutex_unlock(&lkm_lock);

	kfree(bytes);
	return count && !put ? -ENOSPC : put;
}

static const struct file_operations lkm_fops = {
	.owner = THIS_MODULE,
	.read = lkm_read,
	.write = lkm_write,
};

static struct miscdevice lkm_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &lkm_fops,
	.mode = 0600,
};

static int __init {{ m }}_init(void)
{
	int error = misc_register(&lkm_device);

	if (error)
		return error;
	pr_info("/dev/%s is there\n", lkm_device.name);
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	misc_deregister(&lkm_device);
}
