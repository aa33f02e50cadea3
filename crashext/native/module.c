/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Python modules "crash" (PyKdump's names; stubs/crash.pyi says what each does) and
 * "_crashext" (what the door needs; stubs/_crashext.pyi).
 *
 * Each function parses its arguments, makes one guarded call into crash, and turns the outcome
 * into a value or an exception. The function named do_… beside it is what runs under the guard: no
 * Python there, because it may end in a longjmp.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include "crashext.h"
#include "config.h"

#include <defs.h>
#include <sys/prctl.h>

/* What programs ask for with pykdump.require_cmod_version(). */
#define PYKDUMP_VERSION "3.2.3"

static PyObject *crash_error;
static struct memory_view view = { KVADDR, 0 };
static unsigned long main_thread;

/* ---------------------------------------------------------------- arguments and outcomes */

/* An "O&" converter: any integer from -2**63 to 2**64 - 1, taken modulo 2**64. */
static int to_address(PyObject *object, void *result)
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
__attribute__((format(printf, 1, 2))) static PyObject *error_format(const char *format, ...)
{
	char line[256];
	va_list list;

	va_start(list, format);
	vsnprintf(line, sizeof(line), format, list);
	va_end(list);
	PyErr_SetString(crash_error, line);
	return NULL;
}

static PyObject *decode(const struct text *text)
{
	return PyUnicode_DecodeUTF8(text->data ? text->data : "", (Py_ssize_t)text->size,
				    "backslashreplace");
}

/* Sets the exception for an outcome other than CALL_OK; printed may be NULL. */
static PyObject *fail(enum outcome outcome, const char *what, const struct text *printed)
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
static int in_main_thread(void)
{
	if (PyThread_get_thread_ident() == main_thread)
		return 1;
	PyErr_SetString(crash_error, "crash commands and gdb requests run in the main thread only");
	return 0;
}

static PyObject *arguments(Py_ssize_t given, Py_ssize_t least, Py_ssize_t most, const char *name)
{
	if (given >= least && given <= most)
		return Py_None;
	PyErr_Format(PyExc_TypeError, "%s() takes %zd to %zd arguments (%zd given)", name, least,
		     most, given);
	return NULL;
}

/* ---------------------------------------------------------------- memory */

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

static PyObject *translate(crash_call call, struct translation *t)
{
	if (guard_quick(call, t) == CALL_OK && t->ok)
		return PyLong_FromUnsignedLongLong(t->physical);
	if (PyErr_CheckSignals())
		return NULL;
	error_format("0x%lx is not mapped", t->address);
	return NULL;
}

static PyObject *py_uvtop(PyObject *self, PyObject *args_)
{
	unsigned long long task, address;
	struct translation t = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "O&O&", to_address, &task, to_address, &address))
		return NULL;
	t.task = task;
	t.address = address;
	return translate(do_uvtop, &t);
}

static PyObject *py_kvtop(PyObject *self, PyObject *arg)
{
	unsigned long long address;
	struct translation t = { 0 };

	(void)self;
	if (!to_address(arg, &address))
		return NULL;
	t.address = address;
	return translate(do_kvtop, &t);
}

struct page {
	physaddr_t physical;
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
	unsigned long long physical;
	struct page p = { 0 };

	(void)self;
	if (!to_address(arg, &physical))
		return NULL;
	p.physical = physical;
	if (guard_quick(do_phys_to_page, &p) == CALL_OK && p.ok)
		return PyLong_FromUnsignedLong(p.page);
	error_format("physical 0x%llx has no page", physical);
	return NULL;
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

/* ---------------------------------------------------------------- symbols */

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

/* ---------------------------------------------------------------- types, from gdb */

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

/* ---------------------------------------------------------------- commands */

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

/* ---------------------------------------------------------------- tasks */

struct task {
	ulong task, pid;
	int active;
	struct task_mem_usage usage;
	ulonglong jiffies;
	ulong dentry, vfsmnt;
	char *path;
};

static void do_is_task_active(void *arg)
{
	struct task *t = arg;

	t->active = is_task_active(t->task);
}

static void do_task_to_pid(void *arg)
{
	struct task *t = arg;

	t->pid = task_to_pid(t->task);
}

static void do_pid_to_task(void *arg)
{
	struct task *t = arg;

	t->task = pid_to_task(t->pid);
}

static void do_task_mem_usage(void *arg)
{
	struct task *t = arg;

	get_task_mem_usage(t->task, &t->usage);
}

static void do_get_uptime(void *arg)
{
	struct task *t = arg;

	get_uptime(NULL, &t->jiffies);
}

static void do_get_pathname(void *arg)
{
	struct task *t = arg;

	get_pathname(t->dentry, t->path, BUFSIZE, 1, t->vfsmnt);
}

static PyObject *py_is_task_active(PyObject *self, PyObject *arg)
{
	unsigned long long address;
	struct task t = { 0 };

	(void)self;
	if (!to_address(arg, &address))
		return NULL;
	t.task = address;
	if (guard_quick(do_is_task_active, &t) != CALL_OK)
		t.active = 0;
	return PyBool_FromLong(t.active);
}

static PyObject *py_task_to_pid(PyObject *self, PyObject *arg)
{
	unsigned long long address;
	struct task t = { 0 };

	(void)self;
	if (!to_address(arg, &address))
		return NULL;
	t.task = address;
	if (guard_quick(do_task_to_pid, &t) != CALL_OK || t.pid == NO_PID)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLong(t.pid);
}

static PyObject *py_pid_to_task(PyObject *self, PyObject *arg)
{
	unsigned long long pid;
	struct task t = { 0 };

	(void)self;
	if (!to_address(arg, &pid))
		return NULL;
	t.pid = pid;
	if (guard_quick(do_pid_to_task, &t) != CALL_OK)
		t.task = 0;
	return PyLong_FromUnsignedLong(t.task);
}

static PyObject *py_get_task_mem_usage(PyObject *self, PyObject *arg)
{
	unsigned long long address;
	struct task t = { 0 };

	(void)self;
	if (!to_address(arg, &address))
		return NULL;
	t.task = address;
	if (guard_quick(do_task_mem_usage, &t) != CALL_OK) {
		error_format("0x%llx: memory usage unknown", address);
		return NULL;
	}
	return Py_BuildValue("(kk)", (ulong)(t.usage.total_vm * PAGESIZE() / 1024),
			     (ulong)(t.usage.rss * PAGESIZE() / 1024));
}

static PyObject *py_get_uptime(PyObject *self, PyObject *unused)
{
	struct task t = { 0 };

	(void)self;
	(void)unused;
	if (guard_quick(do_get_uptime, &t) != CALL_OK)
		return fail(CALL_ERROR, "uptime", NULL);
	return PyLong_FromUnsignedLongLong(t.jiffies);
}

static PyObject *py_get_pathname(PyObject *self, PyObject *args_)
{
	char path[BUFSIZE] = "";
	unsigned long long dentry, vfsmnt;
	struct task t = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "O&O&", to_address, &dentry, to_address, &vfsmnt))
		return NULL;
	t.dentry = dentry;
	t.vfsmnt = vfsmnt;
	t.path = path;
	if (guard_quick(do_get_pathname, &t) != CALL_OK) {
		error_format("dentry 0x%llx: path unknown", dentry);
		return NULL;
	}
	return PyUnicode_DecodeFSDefault(path);
}

struct table_size {
	long entries;
};

static void do_count_syscalls(void *arg)
{
	struct table_size *size = arg;
	struct syment *start = symbol_search("sys_call_table"), *end = start;

	while (end && end->value == start->value)
		end = next_symbol(NULL, end);
	size->entries = end ? (long)((end->value - start->value) / sizeof(ulong)) : 0;
}

static PyObject *py_get_NR_syscalls(PyObject *self, PyObject *unused)
{
	struct table_size size = { 0 };

	(void)self;
	(void)unused;
	if (guard_quick(do_count_syscalls, &size) != CALL_OK || !size.entries) {
		PyErr_SetString(crash_error, "no sys_call_table");
		return NULL;
	}
	return PyLong_FromLong(size.entries);
}

static PyObject *py_setprocname(PyObject *self, PyObject *args_)
{
	const char *name;

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &name))
		return NULL;
	prctl(PR_SET_NAME, name, 0, 0, 0);
	Py_RETURN_NONE;
}

/* ---------------------------------------------------------------- the module crash */

#define FAST(f) ((PyCFunction)(void (*)(void))(f))
#define METHOD(name, flags) { #name, FAST(py_##name), flags, NULL }

static PyMethodDef crash_methods[] = {
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
	METHOD(symbol_exists, METH_VARARGS),
	METHOD(sym2addr, METH_VARARGS),
	METHOD(sym2alladdr, METH_VARARGS),
	METHOD(addr2sym, METH_VARARGS),
	METHOD(addr2mod, METH_VARARGS),
	METHOD(get_line_number, METH_O),
	{ "getline", FAST(py_get_line_number), METH_O, NULL },
	METHOD(struct_size, METH_VARARGS),
	{ "union_size", FAST(py_struct_size), METH_VARARGS, NULL },
	METHOD(struct_exists, METH_VARARGS),
	METHOD(member_offset, METH_VARARGS),
	METHOD(member_size, METH_VARARGS),
	METHOD(enumerator_value, METH_VARARGS),
	METHOD(exec_crash_command, METH_VARARGS),
	METHOD(exec_gdb_command, METH_VARARGS),
	METHOD(get_GDB_output, METH_VARARGS),
	METHOD(register_epython_prog, METH_VARARGS),
	METHOD(get_epython_cmds, METH_NOARGS),
	METHOD(exec_epython_command, METH_VARARGS),
	METHOD(is_task_active, METH_O),
	METHOD(task_to_pid, METH_O),
	METHOD(pid_to_task, METH_O),
	METHOD(get_task_mem_usage, METH_O),
	METHOD(get_uptime, METH_NOARGS),
	METHOD(get_pathname, METH_VARARGS),
	METHOD(get_NR_syscalls, METH_NOARGS),
	METHOD(setprocname, METH_VARARGS),
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef crash_module = {
	PyModuleDef_HEAD_INIT,
	"crash",
	"crash, from Python (PyKdump's names)",
	-1,
	crash_methods,
	NULL,
	NULL,
	NULL,
	NULL,
};

PyObject *PyInit_crash(void)
{
	PyObject *m = PyModule_Create(&crash_module);

	if (!m)
		return NULL;
	main_thread = PyThread_get_thread_ident();
	crash_error = PyErr_NewException("crash.error", NULL, NULL);
	if (!crash_error || PyModule_AddObject(m, "error", crash_error) ||
	    PyModule_AddIntMacro(m, KVADDR) || PyModule_AddIntMacro(m, UVADDR) ||
	    PyModule_AddIntMacro(m, PHYSADDR) || PyModule_AddIntMacro(m, XENMACHADDR) ||
	    PyModule_AddIntMacro(m, FILEADDR) || PyModule_AddIntMacro(m, AMBIGUOUS) ||
	    PyModule_AddIntConstant(m, "PAGESIZE", PAGESIZE()) ||
	    PyModule_AddIntConstant(m, "PAGESHIFT", PAGESHIFT()) ||
	    PyModule_AddIntConstant(m, "PAGE_CACHE_SHIFT", PAGESHIFT()) ||
	    PyModule_AddIntConstant(m, "HZ", machdep->hz) ||
	    PyModule_AddStringConstant(m, "WARNING", "++WARNING+++") ||
	    PyModule_AddStringConstant(m, "Crash_run", build_version) ||
	    PyModule_AddStringConstant(m, "Crash_build", CRASHEXT_CRASH_VERSION) ||
	    PyModule_AddStringConstant(m, "version", PYKDUMP_VERSION)) {
		Py_DECREF(m);
		return NULL;
	}
	Py_INCREF(crash_error);
	return m;
}

/* ---------------------------------------------------------------- the module _crashext */

static PyObject *write_failed(void)
{
	int reason = errno;

	clearerr(fp);
	errno = reason;
	return PyErr_SetFromErrno(PyExc_OSError); /* EPIPE is BrokenPipeError */
}

/* fp is looked up at each write: a pipe, a file, the pager, the terminal, or a capture. */
static PyObject *py_write(PyObject *self, PyObject *arg)
{
	char *data;
	Py_ssize_t size;

	(void)self;
	if (PyBytes_AsStringAndSize(arg, &data, &size))
		return NULL;
	errno = 0;
	if (fwrite(data, 1, (size_t)size, fp) < (size_t)size)
		return write_failed();
	Py_RETURN_NONE;
}

static PyObject *py_flush(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	errno = 0;
	if (fflush(fp))
		return write_failed();
	Py_RETURN_NONE;
}

static PyObject *py_output_is_tty(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	return PyBool_FromLong(isatty(fileno(fp)));
}

/* The pager that crash has put before the terminal shows colour and is as good as one. */
static PyObject *py_output_is_pager(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	return PyBool_FromLong(pc->stdpipe && fp == pc->stdpipe);
}

/* A prompt needs the terminal, which the pager of the command in progress holds. */
static PyObject *py_close_pager(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	if (pc->stdpipe && fp == pc->stdpipe) {
		fclose(pc->stdpipe);
		pc->stdpipe = NULL;
		waitpid(pc->stdpipe_pid, NULL, 0);
		pc->stdpipe_pid = 0;
		pc->redirect = (pc->redirect & ~REDIRECT_TO_STDPIPE) | REDIRECT_NOT_DONE;
		pc->pipe_command[0] = '\0';
		fp = stdout;
	}
	Py_RETURN_NONE;
}

extern char *readline(const char *);
extern void add_history(const char *);

struct line {
	const char *prompt;
	char *text;
};

static void do_readline(void *arg)
{
	struct line *line = arg;
	/* Ctrl-C at a prompt takes effect at once: readline is ready for the jump. */
	int sigint_cnt = __atomic_exchange_n(&pc->sigint_cnt, 0, __ATOMIC_SEQ_CST);

	if (sigint_cnt >= 0)
		return; /* it has come already, and the guard sees it */
	line->text = readline(line->prompt);
	pc->sigint_cnt = sigint_cnt;
}

static PyObject *py_readline(PyObject *self, PyObject *args_)
{
	struct line line = { 0 };
	struct prompt prompt;
	enum outcome outcome;
	PyObject *result;

	(void)self;
	if (!in_main_thread() || !PyArg_ParseTuple(args_, "s", &line.prompt))
		return NULL;
	fflush(fp);
	prompt_open(&prompt);
	outcome = guard_quiet(do_readline, &line);
	prompt_close(&prompt);
	if (outcome != CALL_OK)
		return fail(outcome, "readline", NULL);
	if (!line.text)
		Py_RETURN_NONE;
	if (line.text[0])
		add_history(line.text);
	result = PyUnicode_DecodeFSDefault(line.text);
	free(line.text);
	return result;
}

struct info {
	const char *key;
	char *value;
};

static void do_vmcoreinfo(void *arg)
{
	struct info *info = arg;

	info->value = pc->read_vmcoreinfo ? pc->read_vmcoreinfo(info->key) : NULL;
}

static PyObject *py_vmcoreinfo(PyObject *self, PyObject *args_)
{
	struct info info = { 0 };
	PyObject *result;

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &info.key))
		return NULL;
	if (guard_quick(do_vmcoreinfo, &info) != CALL_OK || !info.value)
		Py_RETURN_NONE;
	result = PyUnicode_FromString(info.value);
	free(info.value);
	return result;
}

/* An "O&" of Py_BuildValue(): a path as Python has it, whatever its bytes; None for NULL. */
static PyObject *path_or_none(void *path)
{
	if (!path)
		Py_RETURN_NONE;
	return PyUnicode_DecodeFSDefault(path);
}

static PyObject *py_session(PyObject *self, PyObject *unused)
{
	(void)self;
	(void)unused;
	return Py_BuildValue("{s:O&,s:O&,s:O&,s:O&,s:O&,s:O,s:O,s:O&,s:O&}", "directory",
			     path_or_none, core_start_directory(), "namelist", path_or_none,
			     pc->namelist, "namelist_debug", path_or_none, pc->namelist_debug,
			     "debuginfo_file", path_or_none, pc->debuginfo_file, "dumpfile",
			     path_or_none, pc->dumpfile, "live", ACTIVE() ? Py_True : Py_False,
			     "tty", pc->flags & TTY ? Py_True : Py_False, "extension", path_or_none,
			     core_extension_path(), "program", path_or_none, pc->program_path);
}

struct module_load {
	char *name, *file, *command;
	int found, loaded;
};

/*
 * What "mod -s" does, with the addresses of all sections given to gdb. crash itself (up to 9.0.2)
 * reads them from module_sect_attr.mattr, which kernels since 5.8 do not have, works them out from
 * symbols then, and gives up on a module without .text. MOD_NOPATCH tells its gdb code to take the
 * command as it is; with it, the request that load_module_symbols() makes carries an empty command.
 */
static void do_load_module(void *arg)
{
	struct module_load *load = arg;
	struct gnu_request request = { 0 };
	struct load_module *module;

	load->found = is_module_name(load->name, NULL, &module);
	if (!load->found)
		return;
	if (module->mod_flags & MOD_LOAD_SYMS)
		delete_load_module(module->mod_base);
	module->mod_flags |= MOD_NOPATCH;
	load_module_symbols(load->name, load->file, module->mod_base);
	module->mod_flags |= MOD_NOPATCH;
	request.command = GNU_ADD_SYMBOL_FILE;
	request.addr = (ulong)module;
	request.buf = load->command;
	request.fp = pc->nullfp;
	request.flags = GNU_RETURN_ON_ERROR;
	gdb_interface(&request);
	load->loaded = !(request.flags & GNU_COMMAND_FAILED);
	if (!load->loaded)
		delete_load_module(module->mod_base);
}

/* A load that failed half way: crash would take its file for loaded, and no other one. */
static void do_forget_module(void *arg)
{
	struct module_load *load = arg;
	struct load_module *module;

	st->flags &= ~ADD_SYMBOL_FILE;
	st->current = NULL;
	if (!is_module_name(load->name, NULL, &module))
		return;
	if (module->mod_flags & MOD_LOAD_SYMS)
		delete_load_module(module->mod_base);
	memset(module->mod_namelist, 0, sizeof(module->mod_namelist));
}

static PyObject *py_load_module(PyObject *self, PyObject *args_)
{
	struct module_load load = { 0 };
	enum outcome outcome;
	struct text text;
	PyObject *result = NULL;

	(void)self;
	if (!in_main_thread() ||
	    !PyArg_ParseTuple(args_, "sss", &load.name, &load.file, &load.command))
		return NULL;
	if (strlen(load.file) >= MAX_MOD_NAMELIST) {
		PyErr_Format(crash_error, "%s: path longer than crash can keep", load.file);
		return NULL;
	}
	load.command = strdup(load.command); /* gdb writes into it */
	if (!load.command)
		return PyErr_NoMemory();
	outcome = guard_captured(do_load_module, &load, &text);
	free(load.command);
	if (outcome != CALL_OK || !load.loaded)
		guard_quiet(do_forget_module, &load);
	if (outcome != CALL_OK)
		fail(outcome, load.file, &text);
	else if (!load.found)
		PyErr_Format(crash_error, "%s: not a loaded module", load.name);
	else if (!load.loaded)
		PyErr_Format(crash_error, "%s: gdb does not take %s", load.name, load.file);
	else
		result = PyBool_FromLong(1);
	free(text.data);
	return result;
}

struct module_file {
	char *name;
	const char *file;
};

static void do_module_file(void *arg)
{
	struct module_file *query = arg;
	struct load_module *module;

	if (is_module_name(query->name, NULL, &module) && module->mod_flags & MOD_LOAD_SYMS)
		query->file = module->mod_namelist;
}

static PyObject *py_module_file(PyObject *self, PyObject *args_)
{
	struct module_file query = { 0 };

	(void)self;
	if (!PyArg_ParseTuple(args_, "s", &query.name))
		return NULL;
	if (guard_quick(do_module_file, &query) != CALL_OK || !query.file)
		Py_RETURN_NONE;
	return PyUnicode_DecodeFSDefault(query.file);
}

static PyMethodDef crashext_methods[] = {
	METHOD(write, METH_O),
	METHOD(flush, METH_NOARGS),
	METHOD(output_is_tty, METH_NOARGS),
	METHOD(output_is_pager, METH_NOARGS),
	METHOD(close_pager, METH_NOARGS),
	METHOD(readline, METH_VARARGS),
	METHOD(vmcoreinfo, METH_VARARGS),
	METHOD(load_module, METH_VARARGS),
	METHOD(module_file, METH_VARARGS),
	METHOD(session, METH_NOARGS),
	{ NULL, NULL, 0, NULL },
};

static struct PyModuleDef crashext_module = {
	PyModuleDef_HEAD_INIT,
	"_crashext",
	"What the crash door needs",
	-1,
	crashext_methods,
	NULL,
	NULL,
	NULL,
	NULL,
};

PyObject *PyInit__crashext(void)
{
	return PyModule_Create(&crashext_module);
}
