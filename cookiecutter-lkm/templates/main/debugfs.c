{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

/* Guards the series. */
static DEFINE_MUTEX(lkm_lock);
static struct series lkm_series;
static struct dentry *lkm_dir;

static int lkm_add(void *unused, u64 sample)
{
	mutex_lock(&lkm_lock);
	series_add(&lkm_series, sample);
	mutex_unlock(&lkm_lock);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(lkm_add_fops, NULL, lkm_add, "%llu\n");

static int lkm_show(struct seq_file *file, void *unused)
{
	struct series series;

	mutex_lock(&lkm_lock);
	series = lkm_series;
	mutex_unlock(&lkm_lock);

	seq_printf(file, "count %llu\n", series.count);
	seq_printf(file, "smallest %llu\n", series.smallest);
	seq_printf(file, "largest %llu\n", series.largest);
	seq_printf(file, "mean %llu\n", series_mean(&series));
	return 0;
}

DEFINE_SHOW_ATTRIBUTE(lkm);

static int __init {{ m }}_init(void)
{
	lkm_dir = debugfs_create_dir(KBUILD_MODNAME, NULL);
	debugfs_create_file_unsafe("add", 0200, lkm_dir, NULL, &lkm_add_fops);
	debugfs_create_file("series", 0400, lkm_dir, NULL, &lkm_fops);
	pr_info("write samples to debugfs: %s/add\n", KBUILD_MODNAME);
{% if cookiecutter.fault_menu %}
	fault_menu_init(lkm_dir);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	debugfs_remove(lkm_dir);
}
