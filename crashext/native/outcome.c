/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the functions of the module "crash" share: their arguments, and how they end. */
#include "module.h"

#include <defs.h>

PyObject *crash_error;

static unsigned long main_thread;

/* An "O&" converter: any integer from -2**63 to 2**64 - 1, taken modulo 2**64. */
int to_address(PyObject *object, void *result)
{
	unsigned long long *address = result;
	PyObject *number = PyNumber_Index(object);

	if (!number)
		return 0;
	*address = PyLong_AsUnsignedLongLong(number);
	if (PyErr_Occurred()) {
		PyErr_Clear();
		*address = (unsigned long long)PyLong_AsLongLong(number);
	}
	Py_DECREF(number);
	if (PyErr_Occurred()) {
		PyErr_Clear();
		PyErr_Format(crash_error, "%R is no 64-bit address", object);
		return 0;
	}
	return 1;
}

/* PyErr_Format() knows no 64-bit hexadecimal numbers before Python 3.12. */
__attribute__((format(printf, 1, 2))) PyObject *error_format(const char *format, ...)
{
	char line[256];
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	PyErr_SetString(crash_error, line);
	return NULL;
}

PyObject *decode(const struct text *text)
{
	return PyUnicode_DecodeUTF8(text->data ? text->data : "", (Py_ssize_t)text->size,
				    "backslashreplace");
}

/* Sets the exception for an outcome other than CALL_OK; printed may be NULL. */
PyObject *fail(enum outcome outcome, const char *what, const struct text *printed)
{
	PyObject *text = NULL;

	if (outcome == CALL_INTERRUPTED) {
		PyErr_SetNone(PyExc_KeyboardInterrupt);
		return NULL;
	}
	if (outcome == CALL_SIGSEGV) {
		PyErr_Format(crash_error, "%s: crash caught a segmentation violation", what);
		return NULL;
	}
	if (outcome == CALL_GDB_ERROR) {
		PyErr_Format(crash_error, "%s: %s", what, guard_message());
		return NULL;
	}
	if (printed && printed->size)
		text = decode(printed);
	if (text)
		PyErr_SetObject(crash_error, text);
	else if (!PyErr_Occurred())
		PyErr_Format(crash_error, "%s: crash gave up", what);
	Py_XDECREF(text);
	return NULL;
}

/*
 * gdb requests and commands run under crash's SIGINT handler, which jumps to the stack of the main
 * thread: another thread must not be in the way.
 */
int in_main_thread(void)
{
	if (PyThread_get_thread_ident() == main_thread)
		return 1;
	PyErr_SetString(crash_error, "crash commands and gdb requests run in the main thread only");
	return 0;
}

PyObject *arguments(Py_ssize_t given, Py_ssize_t least, Py_ssize_t most, const char *name)
{
	if (given >= least && given <= most)
		return Py_None;
	PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd arguments (%zd given)", name, least,
		     most, given);
	return NULL;
}

/* In the main thread, when the module is imported. 0, or -1 and an exception. */
int outcome_init(void)
{
	main_thread = PyThread_get_thread_ident();
	crash_error = PyErr_NewException("crash.error", NULL, NULL);
	return crash_error ? 0 : -1;
}

/*
 * Most functions are given one number and ask crash one question: the number goes to *given, which
 * is a member of what `call` gets. 1: crash has answered; 0: it gave up; -1: an exception.
 */
int ask(PyObject *number, unsigned long *given, crash_call call, void *query)
{
	unsigned long long value;

	if (!to_address(number, &value))
		return -1;
	*given = (unsigned long)value;
	return guard_quick(call, query) == CALL_OK;
}
