/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbols and source lines, in the module "crash". */
#include "module.h"

#include <defs.h>

struct symbol {
	char *name;
	ulong address, offset;
	struct syment *found;
	struct load_module *module;
	char *line;
	int ok;
};

static void do_symbol_search(void *arg)
{
	struct symbol *s = arg;

	s->found = symbol_search(s->name);
}

static void do_symbol_search_next(void *arg)
{
	struct symbol *s = arg;

	s->found = symbol_search_next(s->name, s->found);
}

static void do_symbol_exists(void *arg)
{
	struct symbol *s = arg;

	s->ok = symbol_exists(s->name);
}

static void do_value_search(void *arg)
{
	struct symbol *s = arg;

	s->found = value_search(s->address, &s->offset);
}

static void do_module_symbol(void *arg)
{
	struct symbol *s = arg;

	s->ok = module_symbol(s->address, NULL, &s->module, NULL, 0);
}

static void do_get_line_number(void *arg)
{
	struct symbol *s = arg;

	s->line[0] = '\0';
	get_line_number(s->address, s->line, FALSE);
}

static PyObject *py_symbol_exists(PyObject *self, PyObject *args_)
{
	struct symbol s = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &s.name))
		return NULL;
	if (guard_quick(do_symbol_exists, &s) != CALL_OK)
		s.ok = 0;
	return PyLong_FromLong(s.ok ? 1 : 0);
}

static PyObject *py_sym2addr(PyObject *self, PyObject *args_)
{
	struct symbol s = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &s.name))
		return NULL;
	if (guard_quick(do_symbol_search, &s) != CALL_OK)
		s.found = NULL;
	return PyLong_FromUnsignedLong(s.found ? s.found->value : 0);
}

static PyObject *py_sym2alladdr(PyObject *self, PyObject *args_)
{
	struct symbol s = { 0 };
	PyObject *list, *value;

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &s.name))
		return NULL;
	list = PyList_New(0);
	if (!list || guard_quick(do_symbol_search, &s) != CALL_OK)
		return list;
	while (s.found) {
		value = PyLong_FromUnsignedLong(s.found->value);
		if (!value || PyList_Append(list, value)) {
			Py_XDECREF(value);
			Py_DECREF(list);
			return NULL;
		}
		Py_DECREF(value);
		if (guard_quick(do_symbol_search_next, &s) != CALL_OK)
			break;
	}
	return list;
}

static PyObject *py_addr2sym(PyObject *self, PyObject *args_)
{
	unsigned long long address;
	struct symbol s = { 0 };
	int loose = 0;

	(void)self;
	if (!PyArg_ParseTuple(args_, "O&|p", to_address, &address, &loose))
		return NULL;
	s.address = address;
	if (guard_quick(do_value_search, &s) != CALL_OK)
		s.found = NULL;
	if (loose) {
		if (s.found)
			return Py_BuildValue("sk", s.found->name, s.offset);
		return Py_BuildValue("OO", Py_None, Py_None);
	}
	return Py_BuildValue("z", s.found && !s.offset ? s.found->name : NULL);
}

static PyObject *py_addr2mod(PyObject *self, PyObject *args_)
{
	unsigned long long address;
	struct symbol s = { 0 };
	int loose = 0;

	(void)self;
	if (!PyArg_ParseTuple(args_, "O&|i", to_address, &address, &loose))
		return NULL;
	s.address = address;
	if (guard_quick(do_module_symbol, &s) != CALL_OK || !s.ok || !s.module)
		Py_RETURN_NONE;
	return PyUnicode_FromString(s.module->mod_name);
}

static PyObject *py_get_line_number(PyObject *self, PyObject *arg)
{
	char line[BUFSIZE * 2];
	unsigned long long address;
	struct symbol s = { 0 };
	enum outcome outcome;

	(void)self;
	if (!in_main_thread() || !to_address(arg, &address))
		return NULL;
	s.address = address;
	s.line = line;
	line[0] = '\0';
	outcome = guard_quiet(do_get_line_number, &s);
	if (outcome == CALL_INTERRUPTED)
		return fail(outcome, "get_line_number", NULL);
	if (outcome != CALL_OK || !line[0])
		Py_RETURN_NONE;
	return PyUnicode_DecodeUTF8(line, (Py_ssize_t)strlen(line), "backslashreplace");
}

PyMethodDef symbol_methods[] = {
	METHOD(symbol_exists, METH_VARARGS),
	METHOD(sym2addr, METH_VARARGS),
	METHOD(sym2alladdr, METH_VARARGS),
	METHOD(addr2sym, METH_VARARGS),
	METHOD(addr2mod, METH_VARARGS),
	METHOD(get_line_number, METH_O),
	{ "getline", FAST(py_get_line_number), METH_O, NULL },
	{ NULL, NULL, 0, NULL },
};
