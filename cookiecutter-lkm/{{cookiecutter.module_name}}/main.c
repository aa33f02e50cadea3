// SPDX-License-Identifier: {{ cookiecutter.license }}
{% set m = cookiecutter.module_name %}
/*
 * {{ cookiecutter.title }}
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

{% include "main/" ~ cookiecutter.kind ~ ".c" %}

module_init({{ m }}_init);
module_exit({{ m }}_exit);

MODULE_AUTHOR("{{ cookiecutter.author | c_string }} <{{ cookiecutter.email | c_string }}>");
MODULE_DESCRIPTION("{{ cookiecutter.title | c_string }}");
MODULE_LICENSE("{{ cookiecutter.__module_license }}");
MODULE_VERSION("{{ cookiecutter.__version }}");
