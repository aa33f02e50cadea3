MODULE_AUTHOR("{{ cookiecutter.author }} <{{ cookiecutter.email }}>");
MODULE_DESCRIPTION("{{ cookiecutter.title }}");
MODULE_LICENSE("{{ cookiecutter.__module_license }}");
