// SPDX-License-Identifier: {{ cookiecutter.license }}
{% include "main/" ~ cookiecutter.kind ~ ".c" %}
