/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/self/task: what is about one task, or about the process as its leader stands for it (proc(5)). */
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <core/time.h>
#include <fs/root.h>
#include <linux/process.h>

#include "proc.h"
#include "scheduling.h"

enum { CLOCK_TICKS = 100, ID_DIGITS = 9 };
typedef unsigned long long ull;

static struct process *me(void)
{
	return process_current();
}

/* --- which task --- */

/* The id in a name; 0: it is none. */
static int id_of(const char *name, size_t length)
{
	int id = 0;

	if (!length || length > ID_DIGITS || name[0] == '0')
		return 0;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9')
			return 0;
		id = id * 10 + (name[i] - '0');
	}
	return id;
}

/* Counted; NULL: it is gone. Without a name the process's leader. */
static struct task *task_named(const char *name)
{
	return name[0] ? task_find(me(), id_of(name, strlen(name))) : task_get(me()->leader);
}

static bool has_task(const char *name, size_t length)
{
	struct task *task = task_find(me(), id_of(name, length));

	task_put(task);
	return task;
}

static int list_tasks(uint64_t cookie, struct dir_sink *sink)
{
	bool room = true;

	while (room) {
		struct task *task = task_next(me(), (int)cookie);
		char name[12];

		if (!task)
			break;
		int id = task->tid;
		task_put(task);
		int n = format(name, sizeof(name), "%d", id);
		cookie = (uint64_t)id + 1;
		room = sink->entry(sink, name, (size_t)n, (uint64_t)id, S_IFDIR, cookie);
	}
	return 0;
}

static ssize_t link_thread(char *buffer, size_t size)
{
	char text[40];
	int n = format(text, sizeof(text), "%d/task/%d", me()->pid, task_current()->tid);
	size_t length = min((size_t)n, size);

	memcpy(buffer, text, length);
	return (ssize_t)length;
}

/* --- comm --- */

static int show_comm(struct procfs_buffer *b)
{
	struct task *task = task_named(procfs_child(b));

	if (!task)
		return -ESRCH;
	int err = procfs_print(b, "%s\n", task->name);
	task_put(task);
	return err;
}

static int write_comm(const char *child, const char *text, size_t bytes)
{
	char name[TASK_NAME_BYTES] = { 0 };
	struct task *task = task_named(child);

	if (!task)
		return -ESRCH;
	if (bytes && text[bytes - 1] == '\n')
		bytes--;
	memcpy(name, text, min(bytes, sizeof(name) - 1));
	memcpy(task->name, name, sizeof(name));
	task_put(task);
	return 0;
}

/* --- stat, status --- */

struct signal_sets {
	uint64_t ignored, caught;
};

static struct signal_sets signal_sets(const struct process *p)
{
	struct signal_sets sets = { 0, 0 };

	for (int i = 0; i < SIGNAL_MAX; i++) {
		uint64_t handler = p->handlers->actions[i].handler;

		if (handler == SIGNAL_IGNORE)
			sets.ignored |= BIT64(i);
		else if (handler != SIGNAL_DEFAULT)
			sets.caught |= BIT64(i);
	}
	return sets;
}

static const char *state_of(const struct task *task)
{
	if (task->ended)
		return "Z (zombie)";
	if (task->thread.state != THREAD_WAITING)
		return "R (running)";
	return task->thread.waits_interruptibly ? "S (sleeping)" : "D (disk sleep)";
}

/* proc(5): 18 priority, 19 nice. */
static int shown_priority(const struct task *task)
{
	int realtime = scheduling_priority(task);

	return realtime ? -1 - realtime : 20 + task->scheduling.nice;
}

static int print_stat(struct procfs_buffer *b, const struct task *task, uint64_t cpu_ns)
{
	const struct process *p = task->process;
	const struct program_layout *l = &p->layout;
	struct space_stats s = space_stats(p->space);
	struct signal_sets sets = signal_sets(p);
	uint64_t tick = NS_PER_S / CLOCK_TICKS;
	int err = procfs_print(b,
			       "%d (%s) %c %d %d %d 0 -1 4194304 0 0 0 0 %llu 0 0 0 %d %d %u 0 "
			       "%llu %llu %llu %llu ",
			       task->tid, task->name, state_of(task)[0], p->parent_pid, p->group,
			       p->session, (ull)(cpu_ns / tick), shown_priority(task),
			       task->scheduling.nice, p->task_count, (ull)(p->start_ns / tick),
			       (ull)s.mapped_bytes, (ull)(s.resident_bytes >> PAGE_SHIFT),
			       (ull)p->limits[RLIMIT_RSS].current);

	if (err < 0)
		return err;
	return procfs_print(b,
			    "%llu %llu %llu 0 0 %llu %llu %llu %llu 0 0 0 17 0 %d %d 0 0 0 %llu "
			    "%llu %llu %llu %llu %llu %llu 0\n",
			    (ull)l->code_start, (ull)l->code_end, (ull)l->stack_start,
			    (ull)(task->pending.set & INT32_MAX), (ull)(task->blocked & INT32_MAX),
			    (ull)(sets.ignored & INT32_MAX), (ull)(sets.caught & INT32_MAX),
			    task->scheduling.priority, task->scheduling.policy, (ull)l->data_start,
			    (ull)l->data_end, (ull)p->space->brk_start, (ull)l->args_start,
			    (ull)l->args_end, (ull)l->env_start, (ull)l->env_end);
}

static int show_stat(struct procfs_buffer *b)
{
	const char *child = procfs_child(b);
	struct task *task = task_named(child);

	if (!task)
		return -ESRCH;
	int err = print_stat(b, task,
			     child[0] ? thread_cpu_time_ns(&task->thread)
				      : process_cpu_time_ns(task->process));
	task_put(task);
	return err;
}

static int print_status_memory(struct procfs_buffer *b, const struct process *p)
{
	struct space_stats s = space_stats(p->space);

	return procfs_print(b,
			    "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8u kB\n"
			    "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nVmData:\t%8llu kB\n"
			    "VmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmSwap:\t%8u kB\nThreads:\t%u\n",
			    (ull)(s.mapped_bytes >> 10), (ull)(s.mapped_bytes >> 10), 0,
			    (ull)(s.resident_bytes >> 10), (ull)(s.resident_bytes >> 10),
			    (ull)(s.data_bytes >> 10), (ull)(s.stack_bytes >> 10),
			    (ull)(s.exec_bytes >> 10), 0, p->task_count);
}

static int print_status_rights(struct procfs_buffer *b, const struct task *task)
{
	const struct process *p = task->process;
	const struct credentials *c = &p->credentials;
	struct signal_sets sets = signal_sets(p);

	return procfs_print(b,
			    "SigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n"
			    "SigIgn:\t%016llx\nSigCgt:\t%016llx\nCapInh:\t%016llx\n"
			    "CapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
			    "CapAmb:\t%016llx\nNoNewPrivs:\t%d\nSeccomp:\t0\n"
			    "Cpus_allowed:\t1\nCpus_allowed_list:\t0\nMems_allowed:\t1\n"
			    "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%u\n"
			    "nonvoluntary_ctxt_switches:\t%u\n",
			    p->queued_signals, (ull)p->limits[RLIMIT_SIGPENDING].current,
			    (ull)task->pending.set, (ull)p->pending.set, (ull)task->blocked,
			    (ull)sets.ignored, (ull)sets.caught, (ull)c->inheritable,
			    (ull)c->permitted, (ull)c->effective, (ull)c->bounding, (ull)c->ambient,
			    c->no_new_privileges, task->thread.waits, task->thread.preemptions);
}

static int print_status(struct procfs_buffer *b, const struct task *task)
{
	const struct process *p = task->process;
	const struct credentials *c = &p->credentials;
	int err = procfs_print(b,
			       "Name:\t%s\nUmask:\t%04o\nState:\t%s\nTgid:\t%d\nNgid:\t0\n"
			       "Pid:\t%d\nPPid:\t%d\nTracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\n"
			       "Gid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t",
			       task->name, p->paths.umask, state_of(task), p->pid, task->tid,
			       p->parent_pid, c->uid, c->euid, c->suid, c->fsuid, c->gid, c->egid,
			       c->sgid, c->fsgid, p->files->size);

	for (uint32_t i = 0; i < c->group_count && err >= 0; i++)
		err = procfs_print(b, "%u ", c->groups[i]);
	if (err >= 0)
		err = procfs_print(b, "\n");
	if (err >= 0)
		err = print_status_memory(b, p);
	return err < 0 ? err : print_status_rights(b, task);
}

static int show_status(struct procfs_buffer *b)
{
	struct task *task = task_named(procfs_child(b));

	if (!task)
		return -ESRCH;
	int err = print_status(b, task);
	task_put(task);
	return err;
}

static const struct procfs_entry entries[] = {
	{ .path = "thread-self", .readlink = link_thread },
	{ .path = "self/stat", .show = show_stat },
	{ .path = "self/status", .show = show_status },
	{ .path = "self/comm", .show = show_comm, .write_child = write_comm },
	{ .path = "self/task", .list = list_tasks, .has_child = has_task },
	{ .path = "self/task/*/stat", .show = show_stat },
	{ .path = "self/task/*/status", .show = show_status },
	{ .path = "self/task/*/comm", .show = show_comm, .write_child = write_comm },
};

int proc_register_tasks(void)
{
	return procfs_add(entries, countof(entries));
}
