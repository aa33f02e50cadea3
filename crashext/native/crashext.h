/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of crashext.so share.
 *
 * crashext.so is two shared objects in one file: the loader (loader.c), which crash's "extend"
 * opens and "extend -u" closes, and the core (everything else), which the loader carries inside
 * it, opens once and never closes: a process can hold one CPython, and cannot let go of it.
 */
#ifndef CRASHEXT_H
#define CRASHEXT_H

#ifdef __cplusplus
extern "C" {
#endif

#include <stddef.h>

#define CRASHEXT_ATTACH "crashext_attach"
#define CRASHEXT_BUILD "crashext_build"

/* guard.c: calls into crash that come back whatever happens inside. */
enum outcome {
	CALL_OK,
	CALL_ERROR,       /* error(FATAL): a longjmp to crash's main loop */
	CALL_GDB_ERROR,   /* a C++ exception of gdb; guard_message() is its text */
	CALL_INTERRUPTED, /* Ctrl-C, or nobody reads the output any more */
	CALL_SIGSEGV,     /* crash caught a segmentation violation */
};

typedef void (*crash_call)(void *);

struct text {
	char *data; /* malloc()ed, NUL after size bytes */
	size_t size;
};

enum outcome guard_quick(crash_call call, void *arg);
enum outcome guard_quiet(crash_call call, void *arg);
enum outcome guard_captured(crash_call call, void *arg, struct text *out);
const char *guard_message(void);
/* True once crash has closed the streams of the command in progress (restore_sanity). */
int guard_streams_closed(void);
/*
 * A command of ours, from enter to leave, never runs under crash's SIGINT handler: Ctrl-C is noted
 * until ready and after done, and Python's between. ready and leave tell whether one was noted.
 */
void guard_enter_python(void *saved_sigaction);
int guard_python_ready(void);
void guard_python_done(void);
int guard_leave_python(const void *saved_sigaction);
void guard_init(void);
void guard_abandon(void) __attribute__((noreturn));

/* shim.cc: 0, or the outcome of the exception that came out of call(arg). */
int catch_exceptions(crash_call call, void *arg, char *message, size_t size);

/* core.c */
const char *core_extension_path(void);
/* The working directory when crash first loaded us: the paths that crash keeps start there. */
const char *core_start_directory(void);
int core_register(const char *name, const char *const *help);
int core_command_count(void);
const char *core_command_name(int index);
int core_run(void *argv_list);
int core_interrupt_pending(void);
/* The command of ours with this name, NULL when there is none. */
struct command_table_entry *core_command(const char *name, size_t length);

/* completion.c */
void completion_attach(void);
void completion_detach(void);
/* At a prompt of ours TAB is a character. */
void completion_inhibit(int inhibit);

/* prompt.c: around the guarded call that reads a line. */
struct prompt {
	void (**getter)(void); /* crash's rl_getc_function, NULL: left alone */
	void (*former)(void);
};
void prompt_open(struct prompt *prompt);
void prompt_close(const struct prompt *prompt);

/* module.c */
/* What crash.set_readmem_task() has set: it lasts as long as the command that called it. */
struct memory_view {
	int space;            /* of reads that name none */
	unsigned long former; /* the task that "set" had chosen before; 0: still is */
};
void memory_enter(struct memory_view *outer);
void memory_leave(const struct memory_view *outer);

struct _object *PyInit_crash(void);
struct _object *PyInit__crashext(void);

#ifdef __cplusplus
}
#endif
#endif
