{# SPDX-License-Identifier: GPL-2.0-or-later #}
{% if cookiecutter.fault_menu %}
	if (fault_is_armed("null-write-unload")) {
		int *p = NULL;

		pr_info("Intentionally generating fault!\n");
		*p = 1; /* FAULT: null-write-unload */
	}
	fault_menu_exit();
{% endif %}
