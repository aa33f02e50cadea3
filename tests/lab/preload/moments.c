/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Preloaded into crash: Ctrl-C at moments that a test cannot hit by waiting.
 *
 *   CTRL_C_AT=TEXT     once, when a file whose path holds TEXT is looked at or opened
 *   CTRL_C_KEY=FILE    once FILE exists: between pselect(), which has announced a key of the
 *                      terminal, and the read of it; as the terminal does, the key is dropped
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

static void watch(const char *path)
{
	static int done;
	const char *wanted = getenv("CTRL_C_AT");

	if (wanted && !done && strstr(path, wanted)) {
		done = 1;
		kill(getpid(), SIGINT);
	}
}

int access(const char *path, int mode)
{
	static int (*next)(const char *, int);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "access");
	watch(path);
	return next(path, mode);
}

int open64(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	va_list list;
	int mode;

	va_start(list, flags);
	mode = va_arg(list, int);
	va_end(list);
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "open64");
	watch(path);
	return next(path, flags, mode);
}

int pselect(int n, fd_set *in, fd_set *out, fd_set *except, const struct timespec *patience,
	    const sigset_t *mask)
{
	static int (*next)(int, fd_set *, fd_set *, fd_set *, const struct timespec *,
			   const sigset_t *);
	const char *armed = getenv("CTRL_C_KEY");
	int found;

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "pselect");
	found = next(n, in, out, except, patience, mask);
	if (found > 0 && isatty(n - 1) && armed && unlink(armed) == 0) {
		tcflush(n - 1, TCIFLUSH);
		kill(getpid(), SIGINT);
	}
	return found;
}
