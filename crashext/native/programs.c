/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Programs that become commands of crash, in the module "crash". */
#include "module.h"

#include <defs.h>

struct alias {
	char *name;
	int taken;
};

static void do_claim_name(void *arg)
{
	struct alias *a = arg;

	a->taken = get_command_table_entry(a->name) != NULL;
	if (!a->taken && is_alias(a->name))
		deallocate_alias(a->name);
}

static PyObject *py_register_epython_prog(PyObject *self, PyObject *args_)
{
	const char *help[5] = { NULL };
	struct alias a = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "ssss", &help[0], &help[1], &help[2], &help[3]))
		return NULL;
	a.name = (char *)help[0];
	if (guard_quick(do_claim_name, &a) != CALL_OK || a.taken)
		Py_RETURN_FALSE;
	if (core_register(help[0], help))
		return PyErr_NoMemory();
	Py_RETURN_TRUE;
}

static PyObject *py_get_epython_cmds(PyObject *self, PyObject *unused)
{
	PyObject *list = PyList_New(0);
	int i;

	(void)self;
	(void)unused;
	for (i = 0; list && i < core_command_count(); i++) {
		PyObject *name = PyUnicode_FromString(core_command_name(i));

		if (!name || PyList_Append(list, name))
			Py_CLEAR(list);
		Py_XDECREF(name);
	}
	return list;
}

static PyObject *py_exec_epython_command(PyObject *self, PyObject *argv)
{
	PyObject *list = PySequence_List(argv);
	int code;

	(void)self;
	if (!list)
		return NULL;
	code = core_run(list);
	Py_DECREF(list);
	if (code < 0) {
		PyErr_SetNone(PyExc_KeyboardInterrupt);
		return NULL;
	}
	Py_RETURN_NONE;
}

PyMethodDef program_methods[] = {
	METHOD(register_epython_prog, METH_VARARGS),
	METHOD(get_epython_cmds, METH_NOARGS),
	METHOD(exec_epython_command, METH_VARARGS),
	{ NULL, NULL, 0, NULL },
};
