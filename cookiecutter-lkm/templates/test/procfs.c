{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void message_is_replaced(struct kunit *test)
{
	char message[MESSAGE_SIZE] = "old";

	KUNIT_EXPECT_EQ(test, message_set(message, "new", 3), 0);
	KUNIT_EXPECT_STREQ(test, &message[0], "new");
}

static void newline_is_not_kept(struct kunit *test)
{
	char message[MESSAGE_SIZE] = "old";

	KUNIT_EXPECT_EQ(test, message_set(message, "new\n", 4), 0);
	KUNIT_EXPECT_STREQ(test, &message[0], "new");
}

static void bad_message_changes_nothing(struct kunit *test)
{
	static const char text[MESSAGE_SIZE];
	char message[MESSAGE_SIZE] = "old";

	KUNIT_EXPECT_EQ(test, message_set(message, "\n", 1), -EINVAL);
	KUNIT_EXPECT_EQ(test, message_set(message, text, MESSAGE_SIZE), -E2BIG);
	KUNIT_EXPECT_STREQ(test, &message[0], "old");
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(message_is_replaced),
	KUNIT_CASE(newline_is_not_kept),
	KUNIT_CASE(bad_message_changes_nothing),
	{},
};
