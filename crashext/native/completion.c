/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TAB in crash's prompt. crash completes kernel symbols, everywhere; with us loaded the first word
 * is completed to commands, and the words of our own commands to options, modules and files.
 * crash's readline is looked up by name: where a build does not export it, nothing changes.
 */
#define _GNU_SOURCE
#include "crashext.h"

#include <ctype.h>
#include <dlfcn.h>
#include <defs.h>

typedef char *generator(const char *text, int state);
typedef char **completer(const char *text, int start, int end);

static completer **attempted;
static int *attempted_over;
static char **line_buffer;
static char **(*matches)(const char *, generator *);
static generator *file_names;
static completer *crash_completer;

/* What next_name() walks through. */
static char **names;
static int name_count;

/*
 * The word at the cursor from the last blank on. gdb, which shares this readline, has words end at
 * "-" and "/" too; what readline takes for the word begins `skip` bytes into ours.
 */
static char *word;
static size_t skip;

static void add_name(const char *name, size_t length)
{
	char **grown = realloc(names, (name_count + 1) * sizeof(*names));

	if (!grown)
		return;
	names = grown;
	names[name_count] = strndup(name, length);
	if (names[name_count])
		name_count++;
}

static void forget_names(void)
{
	while (name_count)
		free(names[--name_count]);
}

static char *next_name(const char *text, int state)
{
	static int at;

	(void)text;
	if (!state)
		at = 0;
	while (at < name_count) {
		const char *name = names[at++];

		if (!strncmp(name, word, strlen(word)))
			return strdup(name + skip);
	}
	return NULL;
}

static char *next_file(const char *text, int state)
{
	char *path = file_names(word, state);

	(void)text;
	if (path && strlen(path) >= skip)
		memmove(path, path + skip, strlen(path + skip) + 1);
	return path;
}

static void add_commands(void)
{
	struct command_table_entry *entry;
	struct extension_table *ext;

	for (entry = pc->cmd_table; entry->name; entry++)
		if (!(entry->flags & HIDDEN_COMMAND))
			add_name(entry->name, strlen(entry->name));
	for (ext = extension_table; ext; ext = ext->next)
		for (entry = ext->command_table; entry->name; entry++)
			add_name(entry->name, strlen(entry->name));
}

/* The options in the lines of a help page that begin with one. */
static void add_options(char **page)
{
	for (; *page; page++) {
		const char *p = *page + strspn(*page, " ");

		while (*p == '-') {
			size_t length = strcspn(p, " ,=[{");

			add_name(p, length);
			p += length;
			if (*p != ',')
				break;
			p += strspn(p, ", ");
		}
	}
}

static void add_modules(void)
{
	int i;

	for (i = 0; i < st->mods_installed; i++)
		add_name(st->load_modules[i].mod_name, strlen(st->load_modules[i].mod_name));
}

static int is_word(const char *at, size_t length, const char *name)
{
	return length == strlen(name) && !strncmp(at, name, length);
}

static char **complete(const char *text, int start, int end)
{
	const char *line = *line_buffer + strspn(*line_buffer, " ");
	const char *begin = *line_buffer + start, *before;
	size_t command = strcspn(line, " "), previous = 0;
	struct command_table_entry *entry;
	char **found;

	while (begin > line && begin[-1] != ' ')
		begin--;
	skip = *line_buffer + start - begin;
	free(word);
	word = strndup(begin, *line_buffer + end - begin);
	if (!word)
		return NULL;
	forget_names();
	*attempted_over = 1;
	if (begin <= line) {
		add_commands();
		found = matches(text, next_name);
		return found ? found : crash_completer(text, start, end);
	}
	entry = core_command(line, command);
	if (!entry)
		return crash_completer(text, start, end);
	for (before = begin; before > line && before[-1] == ' '; before--)
		;
	for (; before > line && before[-1] != ' '; before--)
		previous++;
	if (*word == '-') {
		add_options(entry->help_data);
		return matches(text, next_name);
	}
	if (is_word(before, previous, "-S") || is_word(before, previous, "--source-dir") ||
	    is_word(line, command, "epython") || is_word(line, command, "drgn"))
		return file_names ? matches(text, next_file) : NULL;
	if (is_word(line, command, "mods") || is_word(before, previous, "lines")) {
		add_modules();
		return matches(text, next_name);
	}
	if (is_word(line, command, "crashext")) {
		add_name("lines", strlen("lines"));
		return matches(text, next_name);
	}
	return crash_completer(text, start, end);
}

void completion_inhibit(int inhibit)
{
	int *inhibited = dlsym(RTLD_DEFAULT, "rl_inhibit_completion");

	if (inhibited)
		*inhibited = inhibit;
}

void completion_attach(void)
{
	attempted = dlsym(RTLD_DEFAULT, "rl_attempted_completion_function");
	attempted_over = dlsym(RTLD_DEFAULT, "rl_attempted_completion_over");
	line_buffer = dlsym(RTLD_DEFAULT, "rl_line_buffer");
	matches =
		(char **(*)(const char *, generator *))dlsym(RTLD_DEFAULT, "rl_completion_matches");
	file_names = (generator *)dlsym(RTLD_DEFAULT, "rl_filename_completion_function");
	if (!attempted || !*attempted || !attempted_over || !line_buffer || !matches ||
	    *attempted == complete)
		return;
	crash_completer = *attempted;
	*attempted = complete;
}

void completion_detach(void)
{
	if (attempted && *attempted == complete)
		*attempted = crash_completer;
}
