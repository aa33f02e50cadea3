{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/types.h>

/**
 * struct series - what is known of a series of samples
 * @count: how many there were
 * @sum: their sum; wraps around
 * @smallest: the smallest; 0 when there was none
 * @largest: the largest
 */
struct series {
	u64 count;
	u64 sum;
	u64 smallest;
	u64 largest;
};

static inline void series_add(struct series *series, u64 sample)
{
	if (!series->count || sample < series->smallest)
		series->smallest = sample;
	if (sample > series->largest)
		series->largest = sample;
	series->sum += sample;
	series->count++;
}

/**
 * series_mean() - the mean of the samples
 * @series: the samples
 *
 * Return: the mean, rounded down; 0 when there was no sample.
 */
static inline u64 series_mean(const struct series *series)
{
	return series->count ? div64_u64(series->sum, series->count) : 0;
}
