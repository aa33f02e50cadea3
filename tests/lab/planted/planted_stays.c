// SPDX-License-Identifier: GPL-2.0-or-later
/* Has no exit function: it cannot be unloaded. */
#include <linux/module.h>

static int __init stays_init(void)
{
	return 0;
}
module_init(stays_init);

MODULE_DESCRIPTION("Permanent");
MODULE_LICENSE("GPL");
