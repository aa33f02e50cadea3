/* SPDX-License-Identifier: {{ cookiecutter.license }} */
/*
 * The part of <kunit/test.h> that test.c uses, for kernels without CONFIG_KUNIT.
 *
 * The suite runs when its module is loaded, and says in the kernel's log, in
 * the kernel's own format (KTAP), which cases passed.
 */
#ifndef KUNIT_LITE_H
#define KUNIT_LITE_H

#include <linux/init.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/types.h>

struct kunit {
	bool failed;
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
};

struct kunit_suite {
	const char *name;
	struct kunit_case *test_cases;
};

/* clang-format off */
#define KUNIT_CASE(test_name) { test_name, #test_name }
/* clang-format on */

#define KUNIT_LITE_EXPECT(test, condition, text) \
	kunit_lite_expect(test, condition, text, __FILE__, __LINE__)

#define KUNIT_EXPECT_TRUE(test, condition) \
	KUNIT_LITE_EXPECT(test, condition, #condition)
#define KUNIT_EXPECT_FALSE(test, condition) \
	KUNIT_LITE_EXPECT(test, !(condition), "!(" #condition ")")
#define KUNIT_EXPECT_EQ(test, left, right) \
	KUNIT_LITE_EXPECT(test, (left) == (right), #left " == " #right)
#define KUNIT_EXPECT_STREQ(test, left, right) \
	KUNIT_LITE_EXPECT(test, !strcmp(left, right), #left " == " #right)

static inline void kunit_lite_expect(struct kunit *test, bool fulfilled,
				     const char *text, const char *file,
				     int line)
{
	if (fulfilled)
		return;
	pr_info("    # expected %s at %s:%d\n", text, file, line);
	test->failed = true;
}

/* What kunit_test_suite() below names. */
static struct kunit_suite *kunit_lite_suite;

#define kunit_test_suite(suite) \
	static struct kunit_suite *kunit_lite_suite = &(suite)

static int __init kunit_lite_init(void)
{
	const struct kunit_case *kase;
	int failed = 0;
	int count = 0;

	for (kase = kunit_lite_suite->test_cases; kase->run_case; kase++)
		count++;
	pr_info("KTAP version 1\n");
	pr_info("1..1\n");
	pr_info("    KTAP version 1\n");
	pr_info("    # Subtest: %s\n", kunit_lite_suite->name);
	pr_info("    1..%d\n", count);

	count = 0;
	for (kase = kunit_lite_suite->test_cases; kase->run_case; kase++) {
		struct kunit test = {};

		kase->run_case(&test);
		failed += test.failed;
		pr_info("    %sok %d %s\n", test.failed ? "not " : "", ++count,
			kase->name);
	}
	pr_info("%sok 1 %s\n", failed ? "not " : "", kunit_lite_suite->name);
	return 0;
}

static void __exit kunit_lite_exit(void)
{
}

module_init(kunit_lite_init);
module_exit(kunit_lite_exit);

#endif
