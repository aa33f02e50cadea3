// SPDX-License-Identifier: GPL-2.0-or-later
/* Uses one of the two symbols that planted exports. */
#include <linux/module.h>

int planted_hello(int value);

static int __init planted_user_init(void)
{
	pr_info("planted says %d\n", planted_hello(49));
	return 0;
}
module_init(planted_user_init);

static void __exit planted_user_exit(void)
{
}
module_exit(planted_user_exit);

MODULE_DESCRIPTION("A user of planted");
MODULE_LICENSE("GPL");
