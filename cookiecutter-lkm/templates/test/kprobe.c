{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void buckets_are_powers_of_two(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, bucket(0), 0u);
	KUNIT_EXPECT_EQ(test, bucket(1), 1u);
	KUNIT_EXPECT_EQ(test, bucket(1023), 10u);
	KUNIT_EXPECT_EQ(test, bucket(1024), 11u);
}

static void long_intervals_share_the_last(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, bucket(1ULL << 40), (unsigned int)(BUCKETS - 1));
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(buckets_are_powers_of_two),
	KUNIT_CASE(long_intervals_share_the_last),
	{},
};
