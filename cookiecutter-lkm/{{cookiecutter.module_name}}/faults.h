/* SPDX-License-Identifier: {{ cookiecutter.license }} */
/*
 * A menu of named faults, in the manner of the kernel's drivers/misc/lkdtm.
 */
#ifndef LKM_FAULTS_H
#define LKM_FAULTS_H

#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/timer.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct dentry;
struct file;
struct task_struct;

/**
 * struct lkm_request - what a driver keeps of one request that is under way
 * @id: number of the request, from 1
 * @node: place in a queue
 * @owner: the task that made the request
 * @file: the file that the request is about; nobody has opened one, so NULL
 * @complete: called when the request is done; nobody has set one, so NULL
 * @label: name for messages; NULL as well
 * @count: how many items are left; 0
 * @timer: for faults in a timer
 * @irq_work: for faults in a hard interrupt
 * @work: for faults in a work item
 *
 * Every fault gets one. It is a valid object with all the mistakes in it that
 * the faults are about.
 */
struct lkm_request {
	int id;
	struct list_head node;
	struct task_struct *owner;
	struct file *file;
	void (*complete)(struct lkm_request *req);
	const char *label;
	unsigned int count;
	struct timer_list timer;
	struct irq_work irq_work;
	struct delayed_work work;
};

/**
 * struct lkm_fault - one line of the menu
 * @name: what the user writes
 * @sentence: what happens, for a person
 * @trigger: makes it happen; NULL when the module's exit function does it
 * @on_unload: can only happen while the module is unloaded: arm it
 */
struct lkm_fault {
	const char *name;
	const char *sentence;
	void (*trigger)(struct lkm_request *req);
	bool on_unload;
};

/* faults.c: the faults themselves. The last line of the table has no name. */
extern const struct lkm_fault lkm_faults[];
void faults_exit(void);

/* fault_menu.c: how they are listed, armed and triggered. */
void fault_menu_init(struct dentry *dir);
bool fault_is_armed(const char *name);
void fault_menu_exit(void);

#endif
