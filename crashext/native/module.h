/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of the Python modules "crash" and "_crashext" share; see module.c. */
#ifndef CRASHEXT_MODULE_H
#define CRASHEXT_MODULE_H

#define PY_SSIZE_T_CLEAN
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Python.h>

#include "crashext.h"

#define FAST(f) ((PyCFunction)(void (*)(void))(f))
#define METHOD(name, flags) { #name, FAST(py_##name), flags, NULL }

/* One table a file, each ending with an entry without a name. */
extern PyMethodDef memory_methods[], symbol_methods[], type_methods[], request_methods[],
	program_methods[], task_methods[], output_methods[], modulefile_methods[];

/* outcome.c */
extern PyObject *crash_error; /* crash.error */

int outcome_init(void);
int to_address(PyObject *object, void *result);
PyObject *error_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
PyObject *decode(const struct text *text);
PyObject *fail(enum outcome outcome, const char *what, const struct text *printed);
int in_main_thread(void);
PyObject *arguments(Py_ssize_t given, Py_ssize_t least, Py_ssize_t most, const char *name);
int ask(PyObject *number, unsigned long *given, crash_call call, void *query);

#endif
