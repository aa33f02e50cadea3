{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/kernel.h>
#include <linux/types.h>

/**
 * greet() - put a greeting together
 * @buffer: where it goes; always ends with a NUL
 * @size: size of @buffer in bytes, more than 0
 * @who: whom to greet
 *
 * Return: length of the greeting, without what did not fit.
 */
static inline int greet(char *buffer, size_t size, const char *who)
{
	return scnprintf(buffer, size, "Hello %s!", who);
}
