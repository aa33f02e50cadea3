/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a command of ours prints and reads, and what is open, in the module "_crashext". */
#include "module.h"

#include <defs.h>

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

PyMethodDef output_methods[] = {
	METHOD(write, METH_O),
	METHOD(flush, METH_NOARGS),
	METHOD(output_is_tty, METH_NOARGS),
	METHOD(output_is_pager, METH_NOARGS),
	METHOD(close_pager, METH_NOARGS),
	METHOD(readline, METH_VARARGS),
	METHOD(vmcoreinfo, METH_VARARGS),
	METHOD(session, METH_NOARGS),
	{ NULL, NULL, 0, NULL },
};
