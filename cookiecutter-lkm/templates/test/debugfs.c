{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void empty_series_is_zero(struct kunit *test)
{
	struct series series = {};

	KUNIT_EXPECT_EQ(test, series_mean(&series), (u64)0);
	KUNIT_EXPECT_EQ(test, series.smallest, (u64)0);
}

static void samples_are_summed_up(struct kunit *test)
{
	struct series series = {};

	series_add(&series, 7);
	series_add(&series, 3);
	series_add(&series, 6);
	KUNIT_EXPECT_EQ(test, series.count, (u64)3);
	KUNIT_EXPECT_EQ(test, series.smallest, (u64)3);
	KUNIT_EXPECT_EQ(test, series.largest, (u64)7);
	KUNIT_EXPECT_EQ(test, series_mean(&series), (u64)5);
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(empty_series_is_zero),
	KUNIT_CASE(samples_are_summed_up),
	{},
};
