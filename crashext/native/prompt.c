/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A line read with crash's readline, in which no Ctrl-C is lost.
 *
 * readline's handler sets a flag, and its rl_getc() looks at the flag and then waits for a key:
 * what comes between the two is not seen before the next key. Here the signal is blocked from the
 * look until pselect(), which lets it in while it waits. And the read that follows must not wait:
 * on Ctrl-C a terminal drops what was typed, even what pselect() has just announced.
 */
#define _GNU_SOURCE
#include "crashext.h"

#include <dlfcn.h>
#include <defs.h>
#include <sys/select.h>

typedef int getc_function(FILE *);

static void (*check_signals)(void);
static int (*pending_signal)(void);
static int terminal; /* opened again, with O_NONBLOCK */

static int get_key(FILE *stream)
{
	unsigned char key;

	(void)stream;
	while (1) {
		sigset_t sigint, before;
		fd_set ready;
		ssize_t n;

		sigemptyset(&sigint);
		sigaddset(&sigint, SIGINT);
		sigprocmask(SIG_BLOCK, &sigint, &before);
		if (!pending_signal()) {
			FD_ZERO(&ready);
			FD_SET(terminal, &ready);
			pselect(terminal + 1, &ready, NULL, NULL, NULL, &before);
		}
		sigprocmask(SIG_SETMASK, &before, NULL);
		check_signals(); /* a jump, when it was Ctrl-C */
		n = read(terminal, &key, sizeof(key));
		if (n == sizeof(key))
			return key;
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			return EOF;
	}
}

/* Where this crash's readline lacks a piece, or no terminal can be opened, it waits its own way. */
static int can_wait(void)
{
	check_signals = (void (*)(void))dlsym(RTLD_DEFAULT, "rl_check_signals");
	pending_signal = (int (*)(void))dlsym(RTLD_DEFAULT, "rl_pending_signal");
	return check_signals && pending_signal && terminal >= 0 && terminal < FD_SETSIZE;
}

void prompt_open(struct prompt *prompt)
{
	getc_function **getter = dlsym(RTLD_DEFAULT, "rl_getc_function");

	terminal = open("/dev/tty", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	prompt->getter = NULL;
	if (getter && isatty(STDIN_FILENO) && can_wait()) {
		prompt->getter = (void (**)(void))getter;
		prompt->former = (void (*)(void))*getter;
		*getter = get_key;
	}
	completion_inhibit(1);
}

void prompt_close(const struct prompt *prompt)
{
	completion_inhibit(0);
	if (prompt->getter)
		*prompt->getter = prompt->former;
	if (terminal >= 0)
		close(terminal);
}
