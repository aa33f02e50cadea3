/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The shared object that crash loads and unloads.
 *
 * Its constructor refuses what cannot work (another crash, another Python in the process), opens
 * the core that it carries, once per process, and lets that register the commands. Python is
 * pinned by the first standard library module in C, so the core is never closed; the loader is,
 * and so "extend -u" and "extend" again work as for any extension.
 */
#define _GNU_SOURCE
#include "crashext.h"
#include "config.h"

#include <dlfcn.h>
#include <defs.h>

/* The core, as a file image (the build assembles it in). */
__asm__(".pushsection .rodata\n"
	".balign 16\n"
	"core_image:\n"
	".incbin \"" CRASHEXT_CORE "\"\n"
	"core_image_end:\n"
	".byte 0\n"
	".popsection\n");
extern const char core_image[] __attribute__((visibility("hidden")));
extern const char core_image_end[] __attribute__((visibility("hidden")));

static void (*detach)(void);

static int write_image(int fd)
{
	const char *p = core_image;

	while (p < core_image_end) {
		ssize_t n = write(fd, p, core_image_end - p);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		p += n;
	}
	return 0;
}

/* Opens the core from memory; from a temporary file where memory files cannot be executed. */
static void *open_core(void)
{
	static char reason[BUFSIZE];
	const char *dir = getenv("TMPDIR");
	char name[PATH_MAX];
	void *core = NULL;
	int fd;

	fd = memfd_create("crashext-core", MFD_CLOEXEC);
	if (fd >= 0) {
		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		if (write_image(fd) == 0)
			core = dlopen(name, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
		if (!core)
			snprintf(reason, sizeof(reason), "%s", dlerror() ?: strerror(errno));
		close(fd);
		/* A missing library stays missing in a temporary file. */
		if (core || strstr(reason, "shared object file"))
			goto out;
	}
	snprintf(name, sizeof(name), "%s/crashext-core-XXXXXX", dir ? dir : "/tmp");
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0) {
		if (write_image(fd) == 0)
			core = dlopen(name, RTLD_NOW | RTLD_GLOBAL | RTLD_NODELETE);
		if (!core)
			snprintf(reason, sizeof(reason), "%s", dlerror() ?: strerror(errno));
		close(fd);
		unlink(name);
	}
out:
	if (!core)
		fprintf(fp, "crashext.so: cannot start: %s; run \"crashext build\" again\n",
			reason);
	return core;
}

/* The extension that has a command of this name, NULL when none has. */
static const char *owner_of(const char *command)
{
	struct extension_table *ext;
	struct command_table_entry *entry;

	for (ext = extension_table; ext; ext = ext->next)
		for (entry = ext->command_table; entry->name; entry++)
			if (!strcmp(entry->name, command))
				return ext->filename;
	return NULL;
}

/* One clear line, and FALSE, when this crash or this process cannot have us. */
static int acceptable(void)
{
	const char *other;
	Dl_info where;
	void *python;

	if (strcmp(build_version, CRASHEXT_CRASH_VERSION)) {
		fprintf(fp,
			"crashext.so: built for crash %s, this is crash %s: build it for this one "
			"with "
			"\"crashext build --crash %s --crash-version %s\"\n",
			CRASHEXT_CRASH_VERSION, build_version, pc->program_path, build_version);
		return FALSE;
	}
	other = owner_of("epython");
	if (other) {
		fprintf(fp,
			"crashext.so: %s is loaded and has its own Python; its epython runs our "
			"commands "
			"too: \"epython %s/crashext/pykdump/programs/explain.py\"; or start crash "
			"anew and "
			"load "
			"crashext.so only\n",
			other, CRASHEXT_PACKAGE_ROOT);
		return FALSE;
	}
	python = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
	if (python && !dlsym(RTLD_DEFAULT, CRASHEXT_ATTACH)) {
		fprintf(fp,
			"crashext.so: %s has brought another Python into this session: start crash "
			"anew "
			"and load crashext.so only\n",
			dladdr(python, &where) ? where.dli_fname : "another extension");
		return FALSE;
	}
	return TRUE;
}

static void __attribute__((constructor)) load(void)
{
	int (*attach)(const char *);
	const char *build;
	Dl_info self;
	char *path;

	if (!acceptable())
		return;
	attach = (int (*)(const char *))dlsym(RTLD_DEFAULT, CRASHEXT_ATTACH);
	if (!attach) {
		void *core = open_core();

		if (!core)
			return;
		attach = (int (*)(const char *))dlsym(core, CRASHEXT_ATTACH);
	}
	build = dlsym(RTLD_DEFAULT, CRASHEXT_BUILD);
	if (!attach || !build || strcmp(build, CRASHEXT_BUILD_ID)) {
		fprintf(fp, "crashext.so: it was rebuilt since this session loaded it: start crash "
			    "anew\n");
		return;
	}
	path = dladdr((void *)load, &self) ? realpath(self.dli_fname, NULL) : NULL;
	if (attach(path ? path : "crashext.so") == 0)
		detach = (void (*)(void))dlsym(RTLD_DEFAULT, "crashext_detach");
	free(path);
}

static void __attribute__((destructor)) unload(void)
{
	if (detach)
		detach();
}
