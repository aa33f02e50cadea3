{# SPDX-License-Identifier: GPL-2.0-or-later #}
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/types.h>

#define FIFO_SIZE 4096

/**
 * struct fifo - bytes that were written and not yet read
 * @data: the ring
 * @head: number of bytes ever put in
 * @tail: number of bytes ever taken out; @head - @tail is never over FIFO_SIZE
 */
struct fifo {
	char data[FIFO_SIZE];
	size_t head;
	size_t tail;
};

static inline size_t fifo_used(const struct fifo *fifo)
{
	return fifo->head - fifo->tail;
}

/**
 * fifo_put() - put bytes in
 * @fifo: the ring
 * @bytes: the bytes
 * @count: how many
 *
 * Return: how many there was room for, from 0 to @count.
 */
static inline size_t fifo_put(struct fifo *fifo, const char *bytes,
			      size_t count)
{
	size_t at = fifo->head % FIFO_SIZE;
	size_t first;

	count = min_t(size_t, count, FIFO_SIZE - fifo_used(fifo));
	first = min_t(size_t, count, FIFO_SIZE - at);
	memcpy(fifo->data + at, bytes, first);
	memcpy(fifo->data, bytes + first, count - first);
	fifo->head += count;
	return count;
}

/**
 * fifo_take() - take bytes out, the oldest first
 * @fifo: the ring
 * @bytes: where they go
 * @count: how many at most
 *
 * Return: how many there were, from 0 to @count.
 */
static inline size_t fifo_take(struct fifo *fifo, char *bytes, size_t count)
{
	size_t at = fifo->tail % FIFO_SIZE;
	size_t first;

	count = min_t(size_t, count, fifo_used(fifo));
	first = min_t(size_t, count, FIFO_SIZE - at);
	memcpy(bytes, fifo->data + at, first);
	memcpy(bytes + first, fifo->data, count - first);
	fifo->tail += count;
	return count;
}
