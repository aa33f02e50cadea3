/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gcc -O2 -g -gdwarf-5 -fno-pic -c merged.c: the load of line 10 is given to line 11. */
struct file { char pad[64]; int flags; };
struct request { int id; struct file *file; };
void report(const char *format, int id, int flags);

__attribute__((noinline)) void show(struct request *req)
{
	int flags;
	flags = req->file->flags;
	report("%d %x\n", req->id, flags);
}

int twice(int n)
{
	return n * 2;
}
