/*
 * {{ cookiecutter.title }}
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
{% if cookiecutter.fault_menu %}

#include "faults.h"
{% endif %}

static int __init {{ cookiecutter.module_name }}_init(void)
{
	pr_info("Hello world!\n");
{% if cookiecutter.fault_menu %}
	fault_menu_init(NULL);
{% endif %}
	return 0;
}

static void __exit {{ cookiecutter.module_name }}_exit(void)
{
{% include "fault_at_exit.c" %}
	pr_info("Cleaning up module.\n");
}

module_init({{ cookiecutter.module_name }}_init);
module_exit({{ cookiecutter.module_name }}_exit);

{% include "module_info.c" %}
