/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory and addresses, in the module "crash". */
#include "module.h"

#include <defs.h>

static struct memory_view view = { KVADDR, 0 };

struct read {
	unsigned long long address;
	int space;
	void *buffer;
	long size;
	int ok;
};

static void do_read(void *arg)
{
	struct read *r = arg;

	r->ok = readmem(r->address, r->space, r->buffer, r->size, "crashext",
			RETURN_ON_ERROR | QUIET);
}

static int read_memory(unsigned long long address, int space, void *buffer, long size)
{
	struct read r = { address, space, buffer, size, FALSE };

	if (guard_quick(do_read, &r) == CALL_OK && r.ok)
		return 0;
	/* Ctrl-C may have cut the read short: then it is the reason. */
	if (PyErr_CheckSignals())
		return -1;
	error_format("cannot read %ld bytes at 0x%llx", size, address);
	return -1;
}

/* PyKdump's rule: a NULL pointer is an IndexError, which ends the walk of a list. */
static int is_null(unsigned long long address, int space)
{
	if (address || space == PHYSADDR)
		return 0;
	PyErr_SetString(PyExc_IndexError, "read through a NULL pointer");
	return 1;
}

static PyObject *integer(const unsigned char *p, Py_ssize_t size, int is_signed)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (size) {
	case 1:
		memcpy(&u8, p, size);
		return is_signed ? PyLong_FromLong((int8_t)u8) : PyLong_FromUnsignedLong(u8);
	case 2:
		memcpy(&u16, p, size);
		return is_signed ? PyLong_FromLong((int16_t)u16) : PyLong_FromUnsignedLong(u16);
	case 4:
		memcpy(&u32, p, size);
		return is_signed ? PyLong_FromLong((int32_t)u32) : PyLong_FromUnsignedLong(u32);
	case 8:
		memcpy(&u64, p, size);
		return is_signed ? PyLong_FromLongLong((int64_t)u64)
				 : PyLong_FromUnsignedLongLong(u64);
	default:
		PyErr_Format(crash_error, "no integer has %zd bytes", size);
		return NULL;
	}
}

static PyObject *py_readmem(PyObject *self, PyObject *const *args_, Py_ssize_t n)
{
	unsigned long long address;
	int space = view.space;
	PyObject *result;
	long size;

	(void)self;
	if (!arguments(n, 2, 3, "readmem") || !to_address(args_[0], &address))
		return NULL;
	size = PyLong_AsLong(args_[1]);
	if (n > 2)
		space = (int)PyLong_AsLong(args_[2]);
	if (PyErr_Occurred() || is_null(address, space))
		return NULL;
	if (size < 0) {
		PyErr_Format(crash_error, "cannot read %ld bytes", size);
		return NULL;
	}
	result = PyBytes_FromStringAndSize(NULL, size);
	if (result && size && read_memory(address, space, PyBytes_AS_STRING(result), size))
		Py_CLEAR(result);
	return result;
}

static PyObject *py_readPtr(PyObject *self, PyObject *const *args_, Py_ssize_t n)
{
	unsigned long long address;
	int space = view.space;
	ulong value;

	(void)self;
	if (!arguments(n, 1, 2, "readPtr") || !to_address(args_[0], &address))
		return NULL;
	if (n > 1)
		space = (int)PyLong_AsLong(args_[1]);
	if (PyErr_Occurred() || is_null(address, space) ||
	    read_memory(address, space, &value, sizeof(value)))
		return NULL;
	return PyLong_FromUnsignedLong(value);
}

static PyObject *py_readInt(PyObject *self, PyObject *const *args_, Py_ssize_t n)
{
	unsigned char buffer[8];
	unsigned long long address;
	int is_signed = 0;
	long size;

	(void)self;
	if (!arguments(n, 2, 3, "readInt") || !to_address(args_[0], &address))
		return NULL;
	size = PyLong_AsLong(args_[1]);
	if (n > 2)
		is_signed = PyObject_IsTrue(args_[2]);
	if (PyErr_Occurred())
		return NULL;
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return integer(buffer, size, 0);
	if (read_memory(address, view.space, buffer, size))
		return NULL;
	return integer(buffer, size, is_signed);
}

struct context {
	ulong task;
	struct task_context *found;
};

static void do_task_to_context(void *arg)
{
	struct context *c = arg;

	c->found = task_to_context(c->task);
}

static void do_return_to_former(void *arg)
{
	struct task_context *former = task_to_context(view.former);

	(void)arg;
	/* By its address: a live session moves the contexts. */
	if (former)
		tt->current = former;
}

static void return_to_former(void)
{
	if (view.former)
		guard_quick(do_return_to_former, NULL);
	view.former = 0;
	view.space = KVADDR;
}

void memory_enter(struct memory_view *outer)
{
	*outer = view;
	view.space = KVADDR;
	view.former = 0;
}

void memory_leave(const struct memory_view *outer)
{
	return_to_former();
	view = *outer;
}

static PyObject *py_set_readmem_task(PyObject *self, PyObject *task)
{
	unsigned long long address;
	struct context c;

	(void)self;
	if (!to_address(task, &address))
		return NULL;
	if (!address) {
		return_to_former();
		Py_RETURN_NONE;
	}
	c.task = address;
	c.found = NULL;
	if (guard_quick(do_task_to_context, &c) != CALL_OK || !c.found) {
		error_format("0x%llx is no task", address);
		return NULL;
	}
	if (!view.former)
		view.former = CURRENT_TASK();
	tt->current = c.found;
	view.space = UVADDR;
	Py_RETURN_NONE;
}

struct translation {
	ulong task, address;
	physaddr_t physical;
	int ok;
};

static void do_uvtop(void *arg)
{
	struct translation *t = arg;
	struct task_context *context = task_to_context(t->task);

	t->ok = context && uvtop(context, t->address, &t->physical, 0);
}

static void do_kvtop(void *arg)
{
	struct translation *t = arg;

	t->ok = kvtop(NULL, t->address, &t->physical, 0);
}

/* answered: as from ask() */
static PyObject *translated(int answered, const struct translation *t)
{
	if (answered < 0)
		return NULL;
	if (answered && t->ok)
		return PyLong_FromUnsignedLongLong(t->physical);
	/* Ctrl-C may have cut it short: then it is the reason. */
	return PyErr_CheckSignals() ? NULL : error_format("0x%lx is not mapped", t->address);
}

static PyObject *py_uvtop(PyObject *self, PyObject *args_)
{
	unsigned long long task;
	struct translation t = { 0 };
	PyObject *address;

	(void)self;
	if (!PyArg_ParseTuple(args_, "O&O", to_address, &task, &address))
		return NULL;
	t.task = task;
	return translated(ask(address, &t.address, do_uvtop, &t), &t);
}

static PyObject *py_kvtop(PyObject *self, PyObject *arg)
{
	struct translation t = { 0 };

	(void)self;
	return translated(ask(arg, &t.address, do_kvtop, &t), &t);
}

struct page {
	ulong physical;
	ulong page;
	int ok;
};

static void do_phys_to_page(void *arg)
{
	struct page *p = arg;

	p->ok = phys_to_page(p->physical, &p->page);
}

static PyObject *py_phys_to_page(PyObject *self, PyObject *arg)
{
	struct page p = { 0 };
	int answered = ask(arg, &p.physical, do_phys_to_page, &p);

	(void)self;
	if (answered < 0)
		return NULL;
	if (answered && p.ok)
		return PyLong_FromUnsignedLong(p.page);
	return error_format("physical 0x%lx has no page", p.physical);
}

static PyObject *py_PAGEOFFSET(PyObject *self, PyObject *arg)
{
	unsigned long long address;

	(void)self;
	return to_address(arg, &address) ? PyLong_FromUnsignedLongLong(PAGEOFFSET(address)) : NULL;
}

static PyObject *py_getListSize(PyObject *self, PyObject *args_)
{
	unsigned long long head, at;
	long offset, most, count;
	ulong next;

	(void)self;
	if (!PyArg_ParseTuple(args_, "O&ll", to_address, &head, &offset, &most))
		return NULL;
	for (at = head, count = 0; at && count < most; count++) {
		if (read_memory(at + offset, KVADDR, &next, sizeof(next)))
			return NULL;
		if (next == head)
			break;
		at = next;
		if ((count & 0xfff) == 0xfff && PyErr_CheckSignals())
			return NULL;
	}
	return PyLong_FromLong(count);
}

/* The non-NULL pointers at `offset` of each of `items` buckets; with their index if numbered. */
static PyObject *full_buckets(PyObject *args_, int numbered)
{
	unsigned long long start;
	int size, items, offset, i;
	PyObject *list;
	char *buffer;

	if (!PyArg_ParseTuple(args_, "O&iii", to_address, &start, &size, &items, &offset))
		return NULL;
	if (size < (int)sizeof(ulong) || items < 0 || offset < 0 ||
	    offset > size - (int)sizeof(ulong)) {
		PyErr_SetString(crash_error, "no such buckets");
		return NULL;
	}
	if (!items)
		return PyList_New(0);
	buffer = PyMem_Calloc(items, size);
	if (!buffer)
		return PyErr_NoMemory();
	if (read_memory(start, KVADDR, buffer, (long)size * items)) {
		PyMem_Free(buffer);
		return NULL;
	}
	list = PyList_New(0);
	for (i = 0; list && i < items; i++) {
		PyObject *item;
		ulong pointer;

		memcpy(&pointer, buffer + (size_t)i * size + offset, sizeof(pointer));
		if (!pointer)
			continue;
		item = numbered ? Py_BuildValue("(ik)", i, pointer)
				: PyLong_FromUnsignedLong(pointer);
		if (!item || PyList_Append(list, item))
			Py_CLEAR(list);
		Py_XDECREF(item);
	}
	PyMem_Free(buffer);
	return list;
}

static PyObject *py_getFullBuckets(PyObject *self, PyObject *args_)
{
	(void)self;
	return full_buckets(args_, 0);
}

static PyObject *py_getFullBucketsH(PyObject *self, PyObject *args_)
{
	(void)self;
	return full_buckets(args_, 1);
}

PyMethodDef memory_methods[] = {
	METHOD(readmem, METH_FASTCALL),
	METHOD(readPtr, METH_FASTCALL),
	METHOD(readInt, METH_FASTCALL),
	METHOD(set_readmem_task, METH_O),
	METHOD(uvtop, METH_VARARGS),
	METHOD(kvtop, METH_O),
	{ "vtop", FAST(py_kvtop), METH_O, NULL },
	METHOD(phys_to_page, METH_O),
	METHOD(PAGEOFFSET, METH_O),
	METHOD(getListSize, METH_VARARGS),
	METHOD(getFullBuckets, METH_VARARGS),
	METHOD(getFullBucketsH, METH_VARARGS),
	{ NULL, NULL, 0, NULL },
};
