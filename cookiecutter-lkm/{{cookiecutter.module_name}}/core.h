/* SPDX-License-Identifier: {{ cookiecutter.license }} */
{% set m = cookiecutter.module_name %}
/*
 * What needs no kernel around it, and so can be tested by itself{% if cookiecutter.kunit %} (test.c){% endif %}.
 */
#ifndef {{ m | upper }}_CORE_H
#define {{ m | upper }}_CORE_H

{% include "core/" ~ cookiecutter.kind ~ ".h" %}

#endif
