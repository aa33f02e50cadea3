{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/kernel.h>
#include <linux/types.h>

#define DELAY_MIN_MS 10
#define DELAY_MAX_MS 10000

/**
 * next_delay() - how long to sleep before looking for work again
 * @delay: how long it was last time, in ms
 * @found: was there any work?
 *
 * Return: the shortest delay after work was found, twice the last one else.
 */
static inline unsigned int next_delay(unsigned int delay, bool found)
{
	if (found)
		return DELAY_MIN_MS;
	return clamp_t(unsigned int, 2 * delay, DELAY_MIN_MS, DELAY_MAX_MS);
}
