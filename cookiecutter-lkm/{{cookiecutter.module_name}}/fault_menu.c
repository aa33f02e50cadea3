// SPDX-License-Identifier: {{ cookiecutter.license }}
/*
 * The fault menu: lists, arms and triggers what faults.c has.
 *
 *   cat /sys/kernel/debug/{{ cookiecutter.module_name }}/fault              the menu
 *   echo NAME > /sys/kernel/debug/{{ cookiecutter.module_name }}/fault      it happens now
 *   insmod {{ cookiecutter.module_name }}.ko fault=NAME; rmmod {{ cookiecutter.module_name }}     it happens at unload
 *
 * Nothing ever happens in the module's init function: its memory is gone by
 * the time that somebody reads the dump, and a module that did not finish
 * loading stays in the way until the next boot.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/moduleparam.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "faults.h"

/* Longest name that a user can write, and the newline. */
#define FAULT_NAME_MAX 64

static const struct lkm_fault *fault_armed;
static struct dentry *fault_dir;

static const struct lkm_fault *fault_find(const char *name)
{
	const struct lkm_fault *fault;

	for (fault = lkm_faults; fault->name; fault++)
		if (sysfs_streq(name, fault->name))
			return fault;
	pr_err("there is no fault '%s' in the menu\n", name);
	return NULL;
}

/*
 * The request is not freed when the kernel survives: a timer, a work item or a
 * list may still point to it.
 */
static int fault_trigger(const struct lkm_fault *fault)
{
	static atomic_t last_id = ATOMIC_INIT(0);
	struct lkm_request *req;

	req = kzalloc(sizeof(*req), GFP_KERNEL);
	if (!req)
		return -ENOMEM;
	req->id = atomic_inc_return(&last_id);
	req->owner = current;
	INIT_LIST_HEAD(&req->node);

	pr_crit("fault %s: %s\n", fault->name, fault->sentence);
	fault->trigger(req);
	pr_crit("fault %s: the kernel goes on\n", fault->name);
	return 0;
}

static int fault_show(struct seq_file *file, void *unused)
{
	const struct lkm_fault *fault;

	for (fault = lkm_faults; fault->name; fault++)
		seq_printf(file, "%s\t%s\n", fault->name, fault->sentence);
	return 0;
}

static int fault_open(struct inode *inode, struct file *file)
{
	return single_open(file, fault_show, NULL);
}

static ssize_t fault_write(struct file *file, const char __user *buffer,
			   size_t count, loff_t *pos)
{
	const struct lkm_fault *fault;
	char *name;
	int error;

	if (count > FAULT_NAME_MAX)
		return -EINVAL;
	name = memdup_user_nul(buffer, count);
	if (IS_ERR(name))
		return PTR_ERR(name);
	fault = fault_find(strim(name));
	kfree(name);
	if (!fault)
		return -EINVAL;

	if (fault->on_unload) {
		fault_armed = fault;
		pr_crit("fault %s: armed, happens when the module is unloaded\n",
			fault->name);
		return count;
	}
	error = fault_trigger(fault);
	return error ? error : count;
}

static const struct file_operations fault_fops = {
	.owner = THIS_MODULE,
	.open = fault_open,
	.read = seq_read,
	.write = fault_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static int fault_param_set(const char *value, const struct kernel_param *param)
{
	const struct lkm_fault *fault = fault_find(value);

	if (!fault)
		return -EINVAL;
	fault_armed = fault;
	return 0;
}

static int fault_param_get(char *buffer, const struct kernel_param *param)
{
	return sysfs_emit(buffer, "%s\n", fault_armed ? fault_armed->name : "");
}

static const struct kernel_param_ops fault_param_ops = {
	.set = fault_param_set,
	.get = fault_param_get,
};

module_param_cb(fault, &fault_param_ops, NULL, 0600);
MODULE_PARM_DESC(fault, "the fault that happens at unload, by name");

/**
 * fault_menu_init() - offer the menu in debugfs
 * @dir: folder for the file "fault", or NULL for one with the module's name
 *
 * Without debugfs (or with a kernel that is locked down) only the module
 * parameter is left, and that is no error.
 */
void fault_menu_init(struct dentry *dir)
{
	if (!dir) {
		fault_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
		dir = fault_dir;
	}
	debugfs_create_file("fault", 0600, dir, NULL, &fault_fops);
}

/**
 * fault_is_armed() - is this the fault that shall happen at unload?
 * @name: its name in the menu
 */
bool fault_is_armed(const char *name)
{
	return fault_armed && !strcmp(fault_armed->name, name);
}

/**
 * fault_menu_exit() - take the menu away, and let an armed fault happen
 */
void fault_menu_exit(void)
{
	debugfs_remove(fault_dir);
	if (fault_armed && fault_armed->trigger)
		fault_trigger(fault_armed);
	faults_exit();
}
