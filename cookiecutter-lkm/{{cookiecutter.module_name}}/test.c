// SPDX-License-Identifier: {{ cookiecutter.license }}
{% set m = cookiecutter.module_name %}
/*
 * KUnit suite for core.h, a module of its own: make LKM_KUNIT=1
 */

#include <linux/module.h>
#include <linux/string.h>

/* Debian's kernels come without KUnit, Fedora's with. */
#if IS_ENABLED(CONFIG_KUNIT)
#include <kunit/test.h>
#else
#include "kunit_lite.h"
#endif

#include "core.h"

{% include "test/" ~ cookiecutter.kind ~ ".c" %}

static struct kunit_suite lkm_suite = {
	.name = "{{ m }}",
	.test_cases = lkm_cases,
};

kunit_test_suite(lkm_suite);

MODULE_DESCRIPTION("KUnit suite of {{ m }}");
MODULE_LICENSE("{{ cookiecutter.__module_license }}");
