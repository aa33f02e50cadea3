/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crash commands and gdb requests, and what they print, in the module "crash". */
#include "module.h"

#include <defs.h>

static void do_command(void *arg)
{
	const char *command = arg;

	snprintf(pc->command_line, BUFSIZE, "%s", command);
	clean_line(pc->command_line);
	strcpy(pc->orig_line, pc->command_line);
	argcnt = parse_line(pc->command_line, args);
	exec_command();
}

static PyObject *py_exec_crash_command(PyObject *self, PyObject *args_)
{
	struct text text;
	enum outcome outcome;
	PyObject *result;
	char *command;
	int no_stdout;

	(void)self;
	if (!in_main_thread() || !PyArg_ParseTuple(args_, "s|i", &command, &no_stdout))
		return NULL;
	if (strlen(command) >= BUFSIZE) {
		PyErr_Format(crash_error, "command line exceeds %d bytes: %.40s...", BUFSIZE - 1,
			     command);
		return NULL;
	}
	outcome = guard_captured(do_command, command, &text);
	result = outcome == CALL_OK ? decode(&text) : fail(outcome, command, &text);
	free(text.data);
	return result;
}

static void do_gdb(void *arg)
{
	struct gnu_request request = { 0 };

	request.command = GNU_PASS_THROUGH;
	request.buf = arg;
	request.fp = fp;
	/* Without GNU_RETURN_ON_ERROR gdb's exception, and its message, comes out to the guard. */
	gdb_interface(&request);
}

static PyObject *gdb_request(const char *command, enum outcome *outcome)
{
	struct text text;
	PyObject *result;
	char *copy = strdup(command); /* gdb writes into it */

	if (!copy)
		return PyErr_NoMemory();
	*outcome = guard_captured(do_gdb, copy, &text);
	result = *outcome == CALL_OK ? decode(&text) : fail(*outcome, command, &text);
	free(text.data);
	free(copy);
	return result;
}

static PyObject *py_exec_gdb_command(PyObject *self, PyObject *args_)
{
	enum outcome outcome;
	const char *command;

	(void)self;
	if (!in_main_thread() || !PyArg_ParseTuple(args_, "s", &command))
		return NULL;
	return gdb_request(command, &outcome);
}

static PyObject *py_get_GDB_output(PyObject *self, PyObject *args_)
{
	enum outcome outcome = CALL_OK;
	const char *command;
	PyObject *result;

	(void)self;
	if (!in_main_thread() || !PyArg_ParseTuple(args_, "s", &command))
		return NULL;
	result = gdb_request(command, &outcome);
	if (!result && (outcome == CALL_ERROR || outcome == CALL_GDB_ERROR)) {
		PyErr_Clear();
		Py_RETURN_NONE;
	}
	return result;
}

PyMethodDef request_methods[] = {
	METHOD(exec_crash_command, METH_VARARGS),
	METHOD(exec_gdb_command, METH_VARARGS),
	METHOD(get_GDB_output, METH_VARARGS),
	{ NULL, NULL, 0, NULL },
};
