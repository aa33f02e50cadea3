/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gdb, inside crash, throws C++ exceptions; crash's C code catches only some of them, and one that
 * nobody catches ends the whole session (Ctrl-C during "p" does). This is the somebody.
 */
#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "crashext.h"

/*
 * gdb's own exception type, as in gdbsupport/common-exceptions.h of gdb 10 to 16 (the gdbs that
 * crash 8 and 9 embed). C++ matches it by name; only these leading members are read.
 */
struct gdb_exception {
	int reason;
	int error;
	std::shared_ptr<std::string> message;
};

static const int RETURN_QUIT = -2; /* enum return_reason */

extern "C" int catch_exceptions(crash_call call, void *arg, char *message, size_t size)
{
	try {
		call(arg);
		return CALL_OK;
	} catch (const gdb_exception &e) {
		if (e.reason == RETURN_QUIT)
			return CALL_INTERRUPTED;
		std::snprintf(message, size, "%s", e.message ? e.message->c_str() : "gdb failed");
	} catch (const std::exception &e) {
		std::snprintf(message, size, "%s", e.what());
	} catch (...) {
		std::snprintf(message, size, "unknown C++ exception");
	}
	return CALL_GDB_ERROR;
}
