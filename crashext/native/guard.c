/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls into crash that come back.
 *
 * crash ends a failing command by longjmp(pc->main_loop_env): error(FATAL) in tools.c, and
 * restart() in cmdline.c for Ctrl-C, SIGSEGV and a closed pipe. Jumping over Python frames
 * corrupts the interpreter. So every call into crash is made with an environment of our own in
 * pc->main_loop_env, and everything that crash's main loop would mend after such a jump is mended
 * here (restore_sanity() in cmdline.c is the model; crash does not export it).
 *
 * On Ctrl-C stock crash jumps out of the signal handler, wherever the signal has hit: in malloc(),
 * or in the midst of filling a cache, which then gives wrong answers for the rest of the session
 * (seen: "bt: invalid kernel virtual address" for a good stack). Here the first Ctrl-C only sets
 * flags, which crash's loops look at (received_SIGINT()), gdb's too, and for all other commands
 * their next read of memory. A second Ctrl-C, for a command that reads none, is crash's own.
 *
 *   guard_quick     symbols and memory: no gdb, no output, Ctrl-C waits for the end of the call
 *   guard_quiet     gdb requests whose messages nobody wants
 *   guard_captured  commands and gdb requests whose output is wanted
 */
#define _GNU_SOURCE
#include "crashext.h"
#include "config.h"

#include <dlfcn.h>
#include <defs.h>

typedef int read_function(int, void *, int, ulong, physaddr_t);

/*
 * Of pc->sigint_cnt: restart() counts it up and jumps when that makes 1 (MAX_SIGINTS_ACCEPTED);
 * otherwise it sets _SIGINT_ and returns. received_SIGINT() makes it 0.
 */
#define NO_SIGINT (-1)

/* What a call may change and the command that makes it still needs. */
struct saved {
	jmp_buf main_loop;
	FILE *fp;
	unsigned long long in_foreach;
#ifdef HAVE_ERROR_PATH
	FILE *error_fp;
	char *error_path;
#endif
};

/* More of that, for whole commands. */
struct saved_command {
	char *args[MAXARGS];
	int argcnt, argerrs, optind;
	char command_line[BUFSIZE];
	char orig_line[BUFSIZE];
	char *curcmd, *lastcmd;
	ulong curcmd_flags;
	ulonglong curcmd_private;
	void (*cmd_cleanup)(void *);
	void *cmd_cleanup_arg;
	struct sigaction sigint;
	int sigint_cnt;
	ulong redirect;
	char pipe_command; /* its first byte */
	__typeof__(((struct sigaction *)0)->sa_handler) gdb_sigint;
	read_function *readmem;
};

static struct sigaction crash_sigint;      /* in force when crash called us */
static struct sigaction python_sigint;     /* sets a flag that the interpreter looks at */
static volatile sig_atomic_t saw_sigint;   /* while gdb was at work, or in a command of ours */
static volatile sig_atomic_t noted_sigint; /* while Python starts, or a command of ours ends */
static void (*gdb_sigint_handler)(int);
static int streams_closed;
static int captures;          /* depth */
static char message[BUFSIZE]; /* of the last exception of gdb */

const char *guard_message(void)
{
	return message;
}

int guard_streams_closed(void)
{
	return streams_closed;
}

static int interrupted(void)
{
	return saw_sigint || pc->sigint_cnt != NO_SIGINT;
}

static read_function *real_readmem;

/*
 * Stands in for pc->readmem during a command. At its begin nothing of the buffer has been changed;
 * but a longer read may be under way, so that caches of crash are forgotten after the jump.
 */
static int interruptible_readmem(int fd, void *buffer, int size, ulong address, physaddr_t physical)
{
	if (interrupted() && !(pc->flags & IN_GDB))
		longjmp(pc->main_loop_env, 1);
	return real_readmem(fd, buffer, size, address, physical);
}

/* What crash keeps of its last reads. Its own functions for that act on live systems only. */
static void forget_reads(void)
{
	unsigned long long live = pc->flags & LIVE_SYSTEM;

	pc->flags |= LIVE_SYSTEM;
	clear_task_cache();
	clear_machdep_cache();
	clear_swap_info_cache();
	clear_file_cache();
	clear_dentry_cache();
	clear_inode_cache();
	clear_vma_cache();
	if (!live)
		pc->flags &= ~LIVE_SYSTEM;
	tt->last_thread_info_read = 0;
	machdep->last_pgd_read = machdep->last_pud_read = 0;
	machdep->last_pmd_read = machdep->last_ptbl_read = 0;
#ifdef HAVE_LAST_P4D_READ
	machdep->machspec->last_upml_read = machdep->machspec->last_p4d_read = 0;
#endif
}

/* Called once Python has put its own handler in place. */
void guard_init(void)
{
	sigaction(SIGINT, NULL, &python_sigint);
}

static void note_sigint(int sig)
{
	(void)sig;
	noted_sigint = 1;
}

static void note_sigints(struct sigaction *former)
{
	struct sigaction noting = { .sa_handler = note_sigint, .sa_flags = SA_RESTART };

	sigaction(SIGINT, &noting, former);
}

/* A command of ours begins: Ctrl-C is for Python. The former disposition goes to *saved. */
void guard_enter_python(void *saved)
{
	struct sigaction now;

	noted_sigint = 0;
	note_sigints(&now);
	memcpy(saved, &now, sizeof(now));
	if (pc->readmem == interruptible_readmem)
		pc->readmem = real_readmem;
	if (!captures) {
		crash_sigint = now;
		streams_closed = FALSE;
	}
}

int guard_python_ready(void)
{
	sigaction(SIGINT, &python_sigint, NULL);
	return noted_sigint;
}

void guard_python_done(void)
{
	noted_sigint = 0;
	note_sigints(NULL);
}

int guard_leave_python(const void *saved)
{
	struct sigaction old;

	memcpy(&old, saved, sizeof(old));
	sigaction(SIGINT, &old, NULL);
	return noted_sigint;
}

/*
 * Ends a command of ours as crash ends an interrupted one: back to the main loop, or to the guard
 * of the Python code that ran the command. No Python frame of the command may be left.
 */
void guard_abandon(void)
{
	saw_sigint = 1;
	pc->ifile_in_progress = 0;
	pc->ifile_offset = 0;
	pc->flags &= ~(IN_FOREACH | IN_GDB | IN_RESTART);
	if (!captures)
		fprintf(stderr, "\n"); /* after the ^C on the terminal, as restart() does */
	longjmp(pc->main_loop_env, 1);
}

/* What restore_sanity() mends, without closing the streams of the command in progress. */
static void mend(void)
{
	if (pc->tmpfile2)
		close_tmpfile2();
	if (pc->tmpfile)
		close_tmpfile();
	if (pc->cmd_cleanup)
		pc->cmd_cleanup(pc->cmd_cleanup_arg);
	pc->flags &= ~(IN_FOREACH | IN_GDB | IN_RESTART | _SIGINT_ | PLEASE_WAIT);
	pc->cur_req = NULL;
	restore_gdb_sanity();
	hq_close();
	free_all_bufs();
}

/*
 * restore_sanity() has run if pc->redirect, which save_command() has set, has become 0. Then crash
 * has closed the pipe, the pager or the file that the outer command wrote to: the only stream left
 * is standard output.
 */
static int sanity_restored(void)
{
	if (pc->redirect)
		return FALSE;
	streams_closed = TRUE;
	return TRUE;
}

static void save(struct saved *saved)
{
	memcpy(saved->main_loop, pc->main_loop_env, sizeof(jmp_buf));
	saved->fp = fp;
	/* With IN_FOREACH ("command < file") error() jumps to another environment. */
	saved->in_foreach = pc->flags & IN_FOREACH;
	pc->flags &= ~IN_FOREACH;
}

static void restore(const struct saved *saved)
{
	memcpy(pc->main_loop_env, saved->main_loop, sizeof(jmp_buf));
	/* Only the outermost level writes to a stream of crash; the others write to captures. */
	fp = streams_closed && !captures ? stdout : saved->fp;
	pc->flags |= saved->in_foreach;
}

/* Messages of error() go to `to`: not to the terminal, not twice. */
static void silence(struct saved *saved, FILE *to, char *path)
{
#ifdef HAVE_ERROR_PATH
	saved->error_fp = pc->error_fp;
	saved->error_path = pc->error_path;
	pc->error_fp = to;
	pc->error_path = path;
#else
	(void)saved;
	(void)to;
	(void)path;
#endif
}

static void unsilence(const struct saved *saved)
{
#ifdef HAVE_ERROR_PATH
	pc->error_fp = saved->error_fp;
	pc->error_path = saved->error_path;
#else
	(void)saved;
#endif
}

enum outcome guard_quick(crash_call call, void *arg)
{
	static char path[] = "crashext";
	struct saved saved;
	volatile enum outcome outcome = CALL_OK;

	save(&saved);
	silence(&saved, pc->nullfp, path);
	if (setjmp(pc->main_loop_env) == 0) {
		call(arg);
	} else {
		outcome = CALL_ERROR;
		mend();
	}
	restore(&saved);
	unsilence(&saved);
	return outcome;
}

static void save_command(struct saved_command *saved)
{
	saved->sigint_cnt = pc->sigint_cnt;
	/*
	 * The inner command writes to us. That the reader of the outer one's pipe has gone is not
	 * its concern (gdb_interface() would give up), and neither is it immune to Ctrl-C
	 * (interruptible() says that what writes to a pipe is).
	 */
	saved->redirect = pc->redirect;
	saved->pipe_command = pc->pipe_command[0];
	pc->redirect = FROM_COMMAND_LINE | REDIRECT_NOT_DONE;
	pc->pipe_command[0] = '\0';
	saved->readmem = pc->readmem;
	memcpy(saved->args, args, sizeof(saved->args));
	saved->argcnt = argcnt;
	saved->argerrs = argerrs;
	saved->optind = optind;
	memcpy(saved->command_line, pc->command_line, BUFSIZE);
	memcpy(saved->orig_line, pc->orig_line, BUFSIZE);
	saved->curcmd = pc->curcmd;
	saved->lastcmd = pc->lastcmd;
	saved->curcmd_flags = pc->curcmd_flags;
	saved->curcmd_private = pc->curcmd_private;
	saved->cmd_cleanup = pc->cmd_cleanup;
	saved->cmd_cleanup_arg = pc->cmd_cleanup_arg;
	pc->cmd_cleanup = NULL;
	pc->curcmd_flags = 0;
	pc->curcmd_private = 0;
}

static void restore_command(const struct saved_command *saved)
{
	memcpy(args, saved->args, sizeof(saved->args));
	argcnt = saved->argcnt;
	argerrs = saved->argerrs;
	optind = saved->optind;
	memcpy(pc->command_line, saved->command_line, BUFSIZE);
	memcpy(pc->orig_line, saved->orig_line, BUFSIZE);
	pc->curcmd = saved->curcmd;
	pc->lastcmd = saved->lastcmd;
	pc->curcmd_flags = saved->curcmd_flags;
	pc->curcmd_private = saved->curcmd_private;
	pc->cmd_cleanup = saved->cmd_cleanup;
	pc->cmd_cleanup_arg = saved->cmd_cleanup_arg;
	pc->sigint_cnt = saved->sigint_cnt;
	if (!streams_closed) {
		pc->redirect = saved->redirect;
		pc->pipe_command[0] = saved->pipe_command;
	}
	if (pc->readmem == interruptible_readmem) /* a live session may have switched its source */
		pc->readmem = saved->readmem;
}

/* gdb_interface() installs this for the length of a request (pc->gdb_sigaction). */
static void on_sigint_in_gdb(int sig)
{
	saw_sigint = 1;
	gdb_sigint_handler(sig);
}

/* The longer way through crash and gdb, under crash's own signal handlers. */
static enum outcome call_gdb(crash_call call, void *arg)
{
	static bool (*check_quit_flag)(void);
	struct saved_command command;
	struct saved saved;
	volatile enum outcome outcome = CALL_OK;

	if (!check_quit_flag)
		check_quit_flag = (bool (*)(void))dlsym(RTLD_DEFAULT, "_Z15check_quit_flagv");
	save(&saved);
	save_command(&command);
	command.gdb_sigint = pc->gdb_sigaction.sa_handler;
	if (!gdb_sigint_handler)
		gdb_sigint_handler = command.gdb_sigint;
	if (gdb_sigint_handler)
		pc->gdb_sigaction.sa_handler = on_sigint_in_gdb;
	saw_sigint = 0;
	pc->sigint_cnt = NO_SIGINT;
	if (pc->readmem != interruptible_readmem) {
		real_readmem = pc->readmem;
		pc->readmem = interruptible_readmem;
	}
	sigaction(SIGINT, NULL, &command.sigint);
	if (setjmp(pc->main_loop_env) == 0) {
		sigaction(SIGINT, &crash_sigint, NULL);
		/* What came before that line Python would see only after the call. */
		if (core_interrupt_pending())
			saw_sigint = 1;
		else
			outcome = catch_exceptions(call, arg, message, sizeof(message));
		sigaction(SIGINT, &command.sigint, NULL);
		if (interrupted())
			outcome = CALL_INTERRUPTED;
		if (outcome != CALL_OK) {
			signal(SIGSEGV, SIG_DFL);
			mend();
		} else {
			free_all_bufs();
		}
	} else {
		sigaction(SIGINT, &command.sigint, NULL);
		/* error(FATAL) jumps without restore_sanity(), restart() with it. */
		if (sanity_restored() || interrupted()) {
			outcome = CALL_INTERRUPTED;
			forget_reads();
		} else {
			outcome = CALL_ERROR;
		}
		mend();
	}
	/* A quit that no gdb code has seen yet would end the next request instead. */
	if (saw_sigint && check_quit_flag)
		check_quit_flag();
	pc->gdb_sigaction.sa_handler = command.gdb_sigint;
	restore_command(&command);
	restore(&saved);
	return outcome;
}

enum outcome guard_quiet(crash_call call, void *arg)
{
	static char path[] = "crashext";
	struct saved saved;
	enum outcome outcome;

	silence(&saved, pc->nullfp, path);
	outcome = call_gdb(call, arg);
	unsilence(&saved);
	return outcome;
}

/* gdb keeps the stream of its last failed request; make that one that stays open. */
static void fail_in_gdb(void *arg)
{
	char request[] = "crashext-no-such-request";

	(void)arg;
	gdb_pass_through(request, pc->nullfp, GNU_RETURN_ON_ERROR);
}

static void read_back(FILE *file, struct text *out)
{
	long end;

	out->data = NULL;
	out->size = 0;
	fflush(file);
	if (fseek(file, 0, SEEK_END) || (end = ftell(file)) < 0)
		end = 0;
	rewind(file);
	out->data = malloc(end + 1);
	if (!out->data)
		return;
	out->size = fread(out->data, 1, end, file);
	out->data[out->size] = '\0';
}

enum outcome guard_captured(crash_call call, void *arg, struct text *out)
{
	struct saved saved;
	char *path = strdup("crashext"); /* "set error" in a command would free it */
	FILE *file = tmpfile();
	FILE *caller = fp;
	int old_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	enum outcome outcome;

	out->data = NULL;
	out->size = 0;
	if (!file || !path || old_stderr < 0) {
		snprintf(message, sizeof(message), "cannot open a temporary file: %s",
			 strerror(errno));
		if (file)
			fclose(file);
		if (old_stderr >= 0)
			close(old_stderr);
		free(path);
		return CALL_GDB_ERROR;
	}
	setlinebuf(file);
	fflush(fp);
	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	captures++;
	fp = file;
	silence(&saved, file, path);
	outcome = call_gdb(call, arg);
	/* Ctrl-C during this one ends the call all the same. */
	if (call_gdb(fail_in_gdb, NULL) == CALL_INTERRUPTED)
		outcome = CALL_INTERRUPTED;
#ifdef HAVE_ERROR_PATH
	if (pc->error_path == path) {
		free(path);
		pc->error_fp = saved.error_fp;
		pc->error_path = saved.error_path;
	} else {
		/* The command was "set error": it freed path; its choice holds. */
		free(saved.error_path);
		if (pc->error_fp == file)
			pc->error_fp = caller;
	}
#else
	free(path);
#endif
	fflush(stderr);
	dup2(old_stderr, STDERR_FILENO);
	close(old_stderr);
	captures--;
	fp = streams_closed && !captures ? stdout : caller;
	read_back(file, out);
	if (strstr(out->data ? out->data : "", "<segmentation violation"))
		outcome = outcome == CALL_INTERRUPTED ? CALL_SIGSEGV : outcome;
	fclose(file);
	return outcome;
}
