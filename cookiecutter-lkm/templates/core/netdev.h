{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/types.h>

/**
 * shall_drop() - does this packet get lost?
 * @number: number of the packet, from 1
 * @every: one packet out of so many gets lost; 0 for none
 */
static inline bool shall_drop(u32 number, u32 every)
{
	return every && number % every == 0;
}
