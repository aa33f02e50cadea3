// SPDX-License-Identifier: GPL-2.0-or-later
/* All of its code is in .init.text and .exit.text: the first module that people write. */
#include <linux/init.h>
#include <linux/module.h>

static int __init no_text_init(void)
{
	pr_info("Hello world!\n");
	return 0;
}

static void __exit no_text_exit(void)
{
	int *p = NULL;

	*p = 1; /* FAULT: null-write-unload */
}

module_init(no_text_init);
module_exit(no_text_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("A module with an empty .text");
