/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Debug files of kernel modules, given to crash and its gdb, in the module "_crashext". */
#include "module.h"

#include <defs.h>

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

PyMethodDef modulefile_methods[] = {
	METHOD(load_module, METH_VARARGS),
	METHOD(module_file, METH_VARARGS),
	{ NULL, NULL, 0, NULL },
};
