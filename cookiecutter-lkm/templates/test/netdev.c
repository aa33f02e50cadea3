{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void nothing_gets_lost_by_default(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, shall_drop(1, 0));
	KUNIT_EXPECT_FALSE(test, shall_drop(100, 0));
}

static void one_out_of_three_gets_lost(struct kunit *test)
{
	KUNIT_EXPECT_FALSE(test, shall_drop(1, 3));
	KUNIT_EXPECT_FALSE(test, shall_drop(2, 3));
	KUNIT_EXPECT_TRUE(test, shall_drop(3, 3));
	KUNIT_EXPECT_TRUE(test, shall_drop(3000000000U, 3));
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(nothing_gets_lost_by_default),
	KUNIT_CASE(one_out_of_three_gets_lost),
	{},
};
