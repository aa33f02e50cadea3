{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void work_makes_it_quick(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, next_delay(DELAY_MAX_MS, true),
			(unsigned int)DELAY_MIN_MS);
}

static void idleness_makes_it_slow(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, next_delay(40, false), 80u);
	KUNIT_EXPECT_EQ(test, next_delay(0, false), (unsigned int)DELAY_MIN_MS);
	KUNIT_EXPECT_EQ(test, next_delay(9000, false),
			(unsigned int)DELAY_MAX_MS);
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(work_makes_it_quick),
	KUNIT_CASE(idleness_makes_it_slow),
	{},
};
