{# SPDX-License-Identifier: GPL-2.0-or-later #}
/* Too large for the stack. */
static struct fifo fifo;

static void bytes_come_out_in_order(struct kunit *test)
{
	char bytes[8] = "";

	memset(&fifo, 0, sizeof(fifo));
	KUNIT_EXPECT_EQ(test, fifo_put(&fifo, "abc", 3), (size_t)3);
	KUNIT_EXPECT_EQ(test, fifo_put(&fifo, "de", 2), (size_t)2);
	KUNIT_EXPECT_EQ(test, fifo_take(&fifo, bytes, 4), (size_t)4);
	KUNIT_EXPECT_STREQ(test, &bytes[0], "abcd");
	KUNIT_EXPECT_EQ(test, fifo_used(&fifo), (size_t)1);
}

static void full_takes_no_more(struct kunit *test)
{
	memset(&fifo, 0, sizeof(fifo));
	fifo.head = FIFO_SIZE - 1;
	KUNIT_EXPECT_EQ(test, fifo_put(&fifo, "xy", 2), (size_t)1);
	KUNIT_EXPECT_EQ(test, fifo_put(&fifo, "z", 1), (size_t)0);
}

static void empty_gives_nothing(struct kunit *test)
{
	char byte;

	memset(&fifo, 0, sizeof(fifo));
	KUNIT_EXPECT_EQ(test, fifo_take(&fifo, &byte, 1), (size_t)0);
}

static void goes_round_the_end(struct kunit *test)
{
	char bytes[8] = "";

	memset(&fifo, 0, sizeof(fifo));
	fifo.head = FIFO_SIZE - 2;
	fifo.tail = FIFO_SIZE - 2;
	KUNIT_EXPECT_EQ(test, fifo_put(&fifo, "abcd", 4), (size_t)4);
	KUNIT_EXPECT_EQ(test, fifo_take(&fifo, bytes, 8), (size_t)4);
	KUNIT_EXPECT_STREQ(test, &bytes[0], "abcd");
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(bytes_come_out_in_order),
	KUNIT_CASE(full_takes_no_more),
	KUNIT_CASE(empty_gives_nothing),
	KUNIT_CASE(goes_round_the_end),
	{},
};
