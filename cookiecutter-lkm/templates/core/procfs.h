{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/errno.h>
#include <linux/string.h>
#include <linux/types.h>

#define MESSAGE_SIZE 64

/**
 * message_set() - replace a message by what a user wrote
 * @message: the message, of MESSAGE_SIZE bytes; not touched on error
 * @text: what the user wrote
 * @length: its length
 *
 * A newline at the end is not part of the message.
 *
 * Return: 0, -EINVAL for an empty message, -E2BIG for one that is too long.
 */
static inline int message_set(char *message, const char *text, size_t length)
{
	if (length && text[length - 1] == '\n')
		length--;
	if (!length)
		return -EINVAL;
	if (length >= MESSAGE_SIZE)
		return -E2BIG;
	memcpy(message, text, length);
	message[length] = '\0';
	return 0;
}
