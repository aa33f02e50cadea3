/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of crashext.so that stays: the interpreter, and the commands as crash sees them.
 *
 * What a command does is Python (crashext/doors/crash.py, "the door"); this file starts the
 * interpreter for which crashext was installed, turns the door's list of commands into crash's
 * command table, and takes care that a command leaves crash as it found it.
 */
#define PY_SSIZE_T_CLEAN
#define _GNU_SOURCE
#include <Python.h>

#include "crashext.h"
#include "config.h"
#include "help.h" /* generated: help_pages[], see crashext/doors/pages.py */

#include <defs.h>

#define EXPORTED __attribute__((visibility("default")))

extern const char crashext_build[];
int crashext_attach(const char *path);
void crashext_detach(void);

EXPORTED const char crashext_build[] = CRASHEXT_BUILD_ID;

static PyObject *door;
static char *extension_path;
static char *start_directory;
static struct command_table_entry *table; /* ends with an entry without a name */
static int commands;
static struct extension_table *extension;

const char *core_extension_path(void)
{
	return extension_path;
}

const char *core_start_directory(void)
{
	return start_directory;
}

int core_command_count(void)
{
	return commands;
}

const char *core_command_name(int index)
{
	return table[index].name;
}

struct command_table_entry *core_command(const char *name, size_t length)
{
	int i;

	for (i = 0; i < commands; i++)
		if (strlen(table[i].name) == length && !strncmp(table[i].name, name, length))
			return &table[i];
	return NULL;
}

/* The last resort: the door turns every exception into a line of its own. */
static void print_exception(const char *what)
{
	PyObject *type, *value, *traceback, *text;

	PyErr_Fetch(&type, &value, &traceback);
	PyErr_NormalizeException(&type, &value, &traceback);
	text = value ? PyObject_Str(value) : NULL;
	fprintf(fp, "%s: %s: %s\n", what, type ? ((PyTypeObject *)type)->tp_name : "error",
		text ? PyUnicode_AsUTF8(text) : "?");
	PyErr_Clear();
	Py_XDECREF(text);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(traceback);
}

/* Runs the command argv (a list of str). 0, or what the door calls its exit code; -1: Ctrl-C. */
int core_run(void *argv)
{
	struct memory_view outer;
	PyObject *result;
	int code;

	memory_enter(&outer);
	result = PyObject_CallMethod(door, "run", "O", (PyObject *)argv);
	memory_leave(&outer);
	if (!result) {
		if (PyErr_ExceptionMatches(PyExc_KeyboardInterrupt)) {
			PyErr_Clear();
			return -1;
		}
		print_exception("crashext");
		return 1;
	}
	code = (int)PyLong_AsLong(result);
	Py_DECREF(result);
	if (PyErr_Occurred()) {
		PyErr_Clear();
		code = 1;
	}
	return code;
}

/* True when Ctrl-C has come and Python has not seen it; after this it has. */
int core_interrupt_pending(void)
{
	return PyOS_InterruptOccurred();
}

static int ready(void);

/*
 * crash calls this for every command of ours. Its own SIGINT handler jumps out of wherever it hits:
 * from the first line to the last it is not in force, Python's start included.
 */
static void run_command(void)
{
	struct sigaction saved;
	PyObject *argv;
	int i, code = 1;

	guard_enter_python(&saved);
	if (!ready()) {
		fflush(fp);
		guard_leave_python(&saved);
		return;
	}
	if (guard_python_ready())
		PyErr_SetInterrupt();
	argv = PyList_New(0);
	for (i = 0; argv && i < argcnt; i++) {
		PyObject *word = PyUnicode_DecodeFSDefault(args[i]);

		if (!word || PyList_Append(argv, word)) {
			Py_XDECREF(word);
			Py_CLEAR(argv);
			break;
		}
		Py_DECREF(word);
	}
	if (argv)
		code = core_run(argv);
	else
		print_exception("crashext");
	Py_XDECREF(argv);
	fflush(fp);
	/* Ctrl-C that came too late for this command must not end the next one. */
	guard_python_done();
	if (core_interrupt_pending())
		code = -1;
	if (guard_leave_python(&saved))
		code = -1;
	if (code < 0 || guard_streams_closed())
		guard_abandon();
}

/*
 * Adds a command; help is crash's: name, one line, synopsis, text lines, NULL. Nothing that crash
 * has seen is ever freed: it may hold a pointer (pc->lastcmd, a loop over a table).
 */
int core_register(const char *name, const char *const *help)
{
	struct command_table_entry *grown;
	char **lines;
	int i, n;

	for (n = 0; help[n]; n++)
		;
	grown = calloc(commands + 2, sizeof(*grown));
	lines = calloc(n + 1, sizeof(*lines));
	if (!grown || !lines)
		return -1;
	for (i = 0; i < n; i++)
		if (!(lines[i] = strdup(help[i])))
			return -1;
	if (commands)
		memcpy(grown, table, commands * sizeof(*grown));
	grown[commands].func = run_command;
	grown[commands].help_data = lines;
	if (!(grown[commands].name = strdup(name)))
		return -1;
	table = grown;
	commands++;
	if (extension && extension->flags & REGISTERED) {
		extension->command_table = table;
		help_init();
	}
	return 0;
}

static int start_failed(PyStatus status)
{
	fprintf(fp, "crashext.so: cannot start %s: %s; run \"crashext build\" again\n",
		CRASHEXT_PYTHON, status.err_msg ? status.err_msg : "unknown reason");
	return -1;
}

/*
 * The interpreter and the virtual environment that crashext was built for, whatever PATH,
 * PYTHONHOME and PYTHONPATH say here.
 */
static int start_python(void)
{
	struct sigaction ours;
	PyPreConfig preconfig;
	PyConfig config;
	PyStatus status;
	PyObject *root, *path;

	if (access(CRASHEXT_PYTHON, X_OK)) {
		fprintf(fp,
			"crashext.so: the Python it was built for is gone: %s: %s; run \"crashext "
			"build\" "
			"again\n",
			CRASHEXT_PYTHON, strerror(errno));
		return -1;
	}
	PyPreConfig_InitIsolatedConfig(&preconfig);
	preconfig.utf8_mode = 1;
	status = Py_PreInitialize(&preconfig);
	if (PyStatus_Exception(status))
		return start_failed(status);
	if (PyImport_AppendInittab("crash", PyInit_crash) ||
	    PyImport_AppendInittab("_crashext", PyInit__crashext))
		return start_failed(PyStatus_NoMemory());

	PyConfig_InitIsolatedConfig(&config);
	config.user_site_directory = CRASHEXT_USER_SITE;
	status = PyConfig_SetBytesString(&config, &config.home, CRASHEXT_PYTHON_HOME);
	if (!PyStatus_Exception(status))
		status = PyConfig_SetBytesString(&config, &config.program_name, CRASHEXT_PYTHON);
	if (!PyStatus_Exception(status))
		status = PyConfig_SetBytesString(&config, &config.executable, CRASHEXT_PYTHON);
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	if (PyStatus_Exception(status))
		return start_failed(status);

	/* Let Python install its SIGINT handler, and keep that for when all is imported. */
	sigaction(SIGINT, NULL, &ours);
	PyRun_SimpleString("import signal\n"
			   "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
			   "del signal\n");
	guard_init();
	sigaction(SIGINT, &ours, NULL);

	/* Installed packages come first; the tree crashext.so was built from serves otherwise. */
	path = PySys_GetObject("path");
	root = PyUnicode_DecodeFSDefault(CRASHEXT_PACKAGE_ROOT);
	if (!path || !root || PyList_Append(path, root))
		PyErr_Clear();
	Py_XDECREF(root);
	return 0;
}

/*
 * Starts Python at the first command: loading the extension costs next to nothing. An import that
 * failed is tried again by the next command (no descriptor was left, a disk was not mounted).
 */
static int ready(void)
{
	static enum { NEW, STARTED, READY, BROKEN } state;
	PyObject *result;

	if (state == NEW) {
		state = BROKEN;
		if (start_python())
			return FALSE;
		state = STARTED;
	}
	if (state == STARTED) {
		Py_CLEAR(door);
		door = PyImport_ImportModule("crashext.doors.crash");
		result = door ? PyObject_CallMethod(door, "start", NULL) : NULL;
		if (!result) {
			print_exception("crashext.so: cannot start its Python part");
			return FALSE;
		}
		Py_DECREF(result);
		state = READY;
	} else if (state == BROKEN) {
		fprintf(fp, "crashext.so: it could not start; mend that and start crash anew\n");
	}
	return state == READY;
}

/* Called by the loader each time that crash loads it. 0: commands are registered. */
EXPORTED int crashext_attach(const char *path)
{
	int i;

	free(extension_path);
	extension_path = strdup(path);
	if (!start_directory)
		start_directory = getcwd(NULL, 0);
	for (i = commands; i < (int)(sizeof(help_pages) / sizeof(help_pages[0])); i++)
		if (core_register(help_pages[i][0], help_pages[i])) {
			fprintf(fp, "crashext.so: no memory\n");
			return -1;
		}
	extension = pc->curext;
	register_extension(table);
	if (!(extension->flags & REGISTERED))
		return -1;
	completion_attach();
	return 0;
}

/* Called by the loader when crash unloads it. */
EXPORTED void crashext_detach(void)
{
	completion_detach();
	extension = NULL;
}
