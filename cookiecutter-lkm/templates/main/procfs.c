{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

/* Guards the message. */
static DEFINE_MUTEX(lkm_lock);
static char lkm_message[MESSAGE_SIZE] = "Hello world!";

static int lkm_show(struct seq_file *file, void *unused)
{
	mutex_lock(&lkm_lock);
	seq_printf(file, "%s\n", lkm_message);
	mutex_unlock(&lkm_lock);
	return 0;
}

static int lkm_open(struct inode *inode, struct file *file)
{
	return single_open(file, lkm_show, NULL);
}

static ssize_t lkm_write(struct file *file, const char __user *user,
			 size_t count, loff_t *pos)
{
	char *text;
	int error;

	if (count > MESSAGE_SIZE)
		return -E2BIG;
	text = memdup_user_nul(user, count);
	if (IS_ERR(text))
		return PTR_ERR(text);

	mutex_lock(&lkm_lock);
	error = message_set(lkm_message, text, count);
	mutex_unlock(&lkm_lock);

	kfree(text);
	return error ? error : count;
}

static const struct proc_ops lkm_ops = {
	.proc_open = lkm_open,
	.proc_read = seq_read,
	.proc_write = lkm_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init {{ m }}_init(void)
{
	if (!proc_create(KBUILD_MODNAME, 0644, NULL, &lkm_ops))
		return -ENOMEM;
	pr_info("/proc/%s is there\n", KBUILD_MODNAME);
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	remove_proc_entry(KBUILD_MODNAME, NULL);
}
