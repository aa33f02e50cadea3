/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sizes, offsets and enumerators as gdb knows them, in the module "crash". */
#include "module.h"

#include <defs.h>

struct type {
	char *name, *member;
	long value;
	int ok;
};

static void do_struct_size(void *arg)
{
	struct type *t = arg;

	t->value = STRUCT_SIZE(t->name);
}

static void do_member_offset(void *arg)
{
	struct type *t = arg;

	t->value = MEMBER_OFFSET(t->name, t->member);
}

static void do_member_size(void *arg)
{
	struct type *t = arg;

	t->value = MEMBER_SIZE(t->name, t->member);
}

static void do_enumerator_value(void *arg)
{
	struct type *t = arg;

	t->ok = enumerator_value(t->name, &t->value);
}

/* gdb wants the tag alone. */
static char *tag(char *name)
{
	if (!strncmp(name, "struct ", 7))
		return name + 7;
	if (!strncmp(name, "union ", 6))
		return name + 6;
	return name;
}

/* 1: t->value is set; 0: there is no such type or member; -1: an exception. */
static int type_request(crash_call call, struct type *t)
{
	enum outcome outcome;

	if (!in_main_thread())
		return -1;
	t->value = -1;
	t->name = tag(t->name);
	outcome = guard_quiet(call, t);
	if (outcome == CALL_INTERRUPTED) {
		fail(outcome, t->name, NULL);
		return -1;
	}
	return outcome == CALL_OK && t->value >= 0;
}

static PyObject *type_value(crash_call call, struct type *t)
{
	int known = type_request(call, t);

	return known < 0 ? NULL : PyLong_FromLong(known ? t->value : -1);
}

static PyObject *py_struct_size(PyObject *self, PyObject *args_)
{
	struct type t = { 0 };

	(void)self;
	return PyArg_ParseTuple(args_, "s", &t.name) ? type_value(do_struct_size, &t) : NULL;
}

static PyObject *py_struct_exists(PyObject *self, PyObject *args_)
{
	struct type t = { 0 };
	int known;

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &t.name))
		return NULL;
	known = type_request(do_struct_size, &t);
	return known < 0 ? NULL : PyBool_FromLong(known);
}

static PyObject *py_member_offset(PyObject *self, PyObject *args_)
{
	struct type t = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "ss", &t.name, &t.member))
		return NULL;
	return type_value(do_member_offset, &t);
}

static PyObject *py_member_size(PyObject *self, PyObject *args_)
{
	struct type t = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "ss", &t.name, &t.member))
		return NULL;
	return type_value(do_member_size, &t);
}

static PyObject *py_enumerator_value(PyObject *self, PyObject *args_)
{
	struct type t = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &t.name))
		return NULL;
	if (type_request(do_enumerator_value, &t) < 0)
		return NULL;
	if (!t.ok)
		Py_RETURN_NONE;
	return PyLong_FromLong(t.value);
}

PyMethodDef type_methods[] = {
	METHOD(struct_size, METH_VARARGS),
	{ "union_size", FAST(py_struct_size), METH_VARARGS, NULL },
	METHOD(struct_exists, METH_VARARGS),
	METHOD(member_offset, METH_VARARGS),
	METHOD(member_size, METH_VARARGS),
	METHOD(enumerator_value, METH_VARARGS),
	{ NULL, NULL, 0, NULL },
};
