{# SPDX-License-Identifier: GPL-2.0-or-later #}
static void above_zero(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, millicelsius(0x0000), 0);
	KUNIT_EXPECT_EQ(test, millicelsius(0x0010), 62);
	KUNIT_EXPECT_EQ(test, millicelsius(0x1910), 25062);
}

static void below_zero(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, millicelsius(0xff00), -1000);
	KUNIT_EXPECT_EQ(test, millicelsius(0xc900), -55000);
}

static struct kunit_case lkm_cases[] = {
	KUNIT_CASE(above_zero),
	KUNIT_CASE(below_zero),
	{},
};
