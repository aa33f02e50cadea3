{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/types.h>

/**
 * millicelsius() - what the sensor's register means
 * @raw: the register: 1/16 degree a step, two's complement in the upper 12 bits
 *
 * Return: the temperature in 1/1000 degree Celsius.
 */
static inline int millicelsius(u16 raw)
{
	return ((s16)raw >> 4) * 625 / 10;
}
