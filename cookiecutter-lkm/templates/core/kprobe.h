{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/types.h>

#define BUCKETS 32

/**
 * bucket() - where an interval belongs in a histogram with powers of two
 * @ns: the interval in ns
 *
 * Return: 0 for 0 ns, n for 2^(n-1) up to 2^n - 1 ns; what is longer is in the
 * last bucket.
 */
static inline unsigned int bucket(u64 ns)
{
	return min_t(unsigned int, fls64(ns), BUCKETS - 1);
}
