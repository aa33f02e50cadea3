/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The Python modules "crash" (PyKdump's names; stubs/crash.pyi says what each does) and
 * "_crashext" (what the door needs; stubs/_crashext.pyi), from the tables of the files beside this.
 *
 * Each function parses its arguments, makes one guarded call into crash, and turns the outcome
 * into a value or an exception. The function named do_… beside it is what runs under the guard: no
 * Python there, because it may end in a longjmp.
 */
#include "module.h"
#include "config.h"

#include <dlfcn.h>
#include <defs.h>

/*
 * Libraries of extension modules (drgn brings libelf and libdw) must use their own zlib, not the
 * parts of another zlib that the crash binary happens to export. AddressSanitizer cannot have it.
 */
#ifdef CRASHEXT_SANITIZED
#define DLOPEN_FLAGS 0
#else
#define DLOPEN_FLAGS RTLD_DEEPBIND
#endif

/* What programs ask for with pykdump.require_cmod_version(). */
#define PYKDUMP_VERSION "3.2.3"

static struct PyModuleDef crash_module = {
	PyModuleDef_HEAD_INIT,
	"crash",
	"crash, from Python (PyKdump's names)",
	-1,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
};

/* The functions of each table; 0, or -1 and an exception. */
static int add_functions(PyObject *module, PyMethodDef *const *tables)
{
	for (; *tables; tables++)
		if (PyModule_AddFunctions(module, *tables))
			return -1;
	return 0;
}

PyObject *PyInit_crash(void)
{
	static PyMethodDef *const tables[] = {
		memory_methods,  symbol_methods, type_methods, request_methods,
		program_methods, task_methods,   NULL
	};
	PyObject *m = PyModule_Create(&crash_module);

	if (!m)
		return NULL;
	if (add_functions(m, tables) || outcome_init() ||
	    PyModule_AddObject(m, "error", crash_error) || PyModule_AddIntMacro(m, KVADDR) ||
	    PyModule_AddIntMacro(m, UVADDR) || PyModule_AddIntMacro(m, PHYSADDR) ||
	    PyModule_AddIntMacro(m, XENMACHADDR) || PyModule_AddIntMacro(m, FILEADDR) ||
	    PyModule_AddIntMacro(m, AMBIGUOUS) ||
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

static struct PyModuleDef crashext_module = {
	PyModuleDef_HEAD_INIT,
	"_crashext",
	"What the crash door needs",
	-1,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
};

PyObject *PyInit__crashext(void)
{
	static PyMethodDef *const tables[] = { output_methods, modulefile_methods, NULL };
	PyObject *m = PyModule_Create(&crashext_module);

	if (m &&
	    (add_functions(m, tables) || PyModule_AddIntConstant(m, "DLOPEN_FLAGS", DLOPEN_FLAGS)))
		Py_CLEAR(m);
	return m;
}
