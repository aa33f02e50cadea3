/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tasks, and the rest of what PyKdump asks about the system, in the module "crash". */
#include "module.h"

#include <defs.h>
#include <sys/prctl.h>

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
	struct task t = { 0 };
	int answered = ask(arg, &t.task, do_is_task_active, &t);

	(void)self;
	return answered < 0 ? NULL : PyBool_FromLong(answered && t.active);
}

static PyObject *py_task_to_pid(PyObject *self, PyObject *arg)
{
	struct task t = { 0 };
	int answered = ask(arg, &t.task, do_task_to_pid, &t);

	(void)self;
	if (answered < 0)
		return NULL;
	if (!answered || t.pid == NO_PID)
		Py_RETURN_NONE;
	return PyLong_FromUnsignedLong(t.pid);
}

static PyObject *py_pid_to_task(PyObject *self, PyObject *arg)
{
	struct task t = { 0 };
	int answered = ask(arg, &t.pid, do_pid_to_task, &t);

	(void)self;
	return answered < 0 ? NULL : PyLong_FromUnsignedLong(answered ? t.task : 0);
}

static PyObject *py_get_task_mem_usage(PyObject *self, PyObject *arg)
{
	struct task t = { 0 };
	int answered = ask(arg, &t.task, do_task_mem_usage, &t);

	(void)self;
	if (answered < 0)
		return NULL;
	if (!answered)
		return error_format("0x%lx: memory usage unknown", t.task);
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
	if (guard_quick(do_get_pathname, &t) != CALL_OK)
		return error_format("dentry 0x%llx: path unknown", dentry);
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

PyMethodDef task_methods[] = {
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
