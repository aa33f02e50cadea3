{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/init.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>

#include "core.h"
{% if cookiecutter.fault_menu %}
#include "faults.h"
{% endif %}

static char *who = "world";
module_param(who, charp, 0444);
MODULE_PARM_DESC(who, "whom to greet");

static int __init {{ m }}_init(void)
{
	char greeting[64];

	greet(greeting, sizeof(greeting), who);
	pr_info("%s\n", greeting);
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ m }}_exit(void)
{
{% include "fault_at_exit.c" %}
	pr_info("Cleaning up module.\n");
}
