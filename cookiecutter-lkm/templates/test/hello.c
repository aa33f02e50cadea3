{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void greets_by_name(struct kunit *test)
{
	char buffer[32];

	KUNIT_EXPECT_EQ(test, greet(buffer, sizeof(buffer), "world"), 12);
	KUNIT_EXPECT_STREQ(test, &buffer[0], "Hello world!");
}

static void long_name_is_cut(struct kunit *test)
{
	char buffer[8];

	KUNIT_EXPECT_EQ(test, greet(buffer, sizeof(buffer), "world"), 7);
	KUNIT_EXPECT_STREQ(test, &buffer[0], "Hello w");
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(greets_by_name),
	KUNIT_CASE(long_name_is_cut),
	{},
};
