/* SPDX-License-Identifier: BSD-3-Clause */
/* /proc/self: the state of the process that looks, and of its tasks (proc(5)). */
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <core/time.h>
#include <fs/mounts.h>
#include <fs/path.h>
#include <mm/alloc.h>

#include "proc.h"
#include "scheduling.h"

enum { CLOCK_TICKS = 100 };
typedef unsigned long long ull;

static struct process *me(void)
{
	return process_current();
}

/* --- tasks --- */

int proc_next_task(int after)
{
	struct task *task = task_next(me(), after + 1);
	int tid = task ? task->tid : -1;

	task_put(task);
	return tid;
}

struct task *proc_task(const struct procfs_buffer *buffer)
{
	int tid = procfs_number(buffer);

	return tid < 0 ? task_get(me()->leader) : task_find(me(), tid);
}

static int show_comm(struct procfs_buffer *b)
{
	struct task *task = proc_task(b);

	if (!task)
		return -ENOENT;
	int err = procfs_print(b, "%s\n", task->name);
	task_put(task);
	return err;
}

static int write_comm(struct procfs_buffer *b, const char *text, size_t bytes)
{
	char name[TASK_NAME_BYTES] = { 0 };
	struct task *task = proc_task(b);

	if (!task)
		return -ESRCH;
	if (bytes && text[bytes - 1] == '\n')
		bytes--;
	memcpy(name, text, min(bytes, sizeof(name) - 1));
	memcpy(task->name, name, sizeof(name));
	task_put(task);
	return 0;
}

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

static char state_of(const struct task *task)
{
	if (task->ended)
		return 'Z';
	if (task->stands)
		return 'T';
	if (task->thread.state != THREAD_WAITING)
		return 'R';
	return task->thread.waits_interruptibly ? 'S' : 'D';
}

static const char *state_name(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	default:
		return "zombie";
	}
}

/* Fields 18 and 40 of proc(5). */
static int shown_priority(const struct task *task)
{
	int realtime = scheduling_priority(task);

	return realtime ? -1 - realtime : 20 + task->scheduling.nice;
}

static uint64_t cpu_time_ns(const struct procfs_buffer *b, const struct task *task)
{
	return procfs_number(b) < 0 ? process_cpu_time_ns(me()) : thread_cpu_time_ns(&task->thread);
}

static int print_stat(struct procfs_buffer *b, const struct task *task)
{
	const struct process *p = me();
	const struct program_layout *l = &p->layout;
	struct space_stats s = space_stats(p->space);
	struct signal_sets sets = signal_sets(p);
	uint64_t tick = NS_PER_S / CLOCK_TICKS;
	int err = procfs_print(
		b,
		"%d (%s) %c %d %d %d 0 -1 4194304 0 0 0 0 %llu 0 0 0 %d %d %u 0 %llu "
		"%llu %llu %llu ",
		task->tid, task->name, state_of(task), p->parent_pid, p->group, p->session,
		(ull)(cpu_time_ns(b, task) / tick), shown_priority(task), task->scheduling.nice,
		p->task_count, (ull)(p->start_ns / tick), (ull)s.mapped_bytes,
		(ull)(s.resident_bytes >> PAGE_SHIFT), (ull)p->limits[RLIMIT_RSS].current);

	if (err < 0)
		return err;
	return procfs_print(
		b,
		"%llu %llu %llu 0 0 %llu %llu %llu %llu 0 0 0 17 0 %d %d 0 0 0 %llu %llu "
		"%llu %llu %llu %llu %llu 0\n",
		(ull)l->code_start, (ull)l->code_end, (ull)l->stack_start,
		(ull)(task->pending.set & INT32_MAX), (ull)(task->blocked & INT32_MAX),
		(ull)(sets.ignored & INT32_MAX), (ull)(sets.caught & INT32_MAX),
		task->scheduling.priority, task->scheduling.policy, (ull)l->data_start,
		(ull)l->data_end, (ull)p->space->brk_start, (ull)l->args_start, (ull)l->args_end,
		(ull)l->env_start, (ull)l->env_end);
}

static int print_status_memory(struct procfs_buffer *b, const struct process *p)
{
	struct space_stats s = space_stats(p->space);
	ull size = s.mapped_bytes >> 10, resident = s.resident_bytes >> 10;

	return procfs_print(b,
			    "VmPeak:\t%8llu kB\nVmSize:\t%8llu kB\nVmLck:\t%8u kB\nVmPin:\t%8u kB\n"
			    "VmHWM:\t%8llu kB\nVmRSS:\t%8llu kB\nRssAnon:\t%8llu kB\n"
			    "RssFile:\t%8u kB\nRssShmem:\t%8u kB\nVmData:\t%8llu kB\n"
			    "VmStk:\t%8llu kB\nVmExe:\t%8llu kB\nVmLib:\t%8u kB\nVmPTE:\t%8u kB\n"
			    "VmSwap:\t%8u kB\nHugetlbPages:\t%8u kB\nCoreDumping:\t0\n"
			    "THP_enabled:\t1\nThreads:\t%u\n",
			    size, size, 0, 0, resident, resident, resident, 0, 0,
			    (ull)(s.data_bytes >> 10), (ull)(s.stack_bytes >> 10),
			    (ull)(s.exec_bytes >> 10), 0, 0, 0, 0, p->task_count);
}

static int print_status_rights(struct procfs_buffer *b, const struct task *task)
{
	const struct process *p = me();
	const struct credentials *c = &p->credentials;
	struct signal_sets sets = signal_sets(p);

	return procfs_print(b,
			    "SigQ:\t%u/%llu\nSigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n"
			    "SigIgn:\t%016llx\nSigCgt:\t%016llx\nCapInh:\t%016llx\n"
			    "CapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\n"
			    "CapAmb:\t%016llx\nNoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n"
			    "Speculation_Store_Bypass:\tunknown\n"
			    "SpeculationIndirectBranch:\tunknown\n"
			    "Cpus_allowed:\t%x\nCpus_allowed_list:\t0\nMems_allowed:\t1\n"
			    "Mems_allowed_list:\t0\nvoluntary_ctxt_switches:\t%u\n"
			    "nonvoluntary_ctxt_switches:\t%u\n",
			    p->queued_signals, (ull)p->limits[RLIMIT_SIGPENDING].current,
			    (ull)task->pending.set, (ull)p->pending.set, (ull)task->blocked,
			    (ull)sets.ignored, (ull)sets.caught, (ull)c->inheritable,
			    (ull)c->permitted, (ull)c->effective, (ull)c->bounding, (ull)c->ambient,
			    c->no_new_privileges, (unsigned)(BIT64(CPU_MAX) - 1),
			    task->thread.waits, task->thread.preemptions);
}

static int print_status(struct procfs_buffer *b, const struct task *task)
{
	const struct process *p = me();
	const struct credentials *c = &p->credentials;
	char state = state_of(task);
	int err = procfs_print(b,
			       "Name:\t%s\nUmask:\t%04o\nState:\t%c (%s)\nTgid:\t%d\nNgid:\t0\n"
			       "Pid:\t%d\nPPid:\t%d\nTracerPid:\t0\nUid:\t%u\t%u\t%u\t%u\n"
			       "Gid:\t%u\t%u\t%u\t%u\nFDSize:\t%u\nGroups:\t",
			       task->name, p->paths.umask, state, state_name(state), p->pid,
			       task->tid, p->parent_pid, c->uid, c->euid, c->suid, c->fsuid, c->gid,
			       c->egid, c->sgid, c->fsgid, p->files->size);

	for (uint32_t i = 0; i < c->group_count && err >= 0; i++)
		err = procfs_print(b, "%u ", c->groups[i]);
	if (err >= 0)
		err = procfs_print(b, "\nNStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n",
				   p->pid, task->tid, p->group, p->session);
	if (err >= 0)
		err = print_status_memory(b, p);
	return err < 0 ? err : print_status_rights(b, task);
}

static int print_schedstat(struct procfs_buffer *b, const struct task *task)
{
	return procfs_print(b, "%llu 0 0\n", (ull)thread_cpu_time_ns(&task->thread));
}

static int with_task(struct procfs_buffer *b,
		     int (*print)(struct procfs_buffer *b, const struct task *task))
{
	struct task *task = proc_task(b);

	if (!task)
		return -ENOENT;
	int err = print(b, task);
	task_put(task);
	return err;
}

static int show_stat(struct procfs_buffer *b)
{
	return with_task(b, print_stat);
}

static int show_status(struct procfs_buffer *b)
{
	return with_task(b, print_status);
}

static int show_schedstat(struct procfs_buffer *b)
{
	return with_task(b, print_schedstat);
}

static int show_limits(struct procfs_buffer *b)
{
	static const char names[RLIMIT_COUNT][2][22] = {
		[RLIMIT_CPU] = { "Max cpu time", "seconds" },
		[RLIMIT_FSIZE] = { "Max file size", "bytes" },
		[RLIMIT_DATA] = { "Max data size", "bytes" },
		[RLIMIT_STACK] = { "Max stack size", "bytes" },
		[RLIMIT_CORE] = { "Max core file size", "bytes" },
		[RLIMIT_RSS] = { "Max resident set", "bytes" },
		[RLIMIT_NPROC] = { "Max processes", "processes" },
		[RLIMIT_NOFILE] = { "Max open files", "files" },
		[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
		[RLIMIT_AS] = { "Max address space", "bytes" },
		[RLIMIT_LOCKS] = { "Max file locks", "locks" },
		[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
		[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
		[RLIMIT_NICE] = { "Max nice priority", "" },
		[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
		[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
	};
	int err = procfs_print(b, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit",
			       "Units");

	for (unsigned i = 0; i < RLIMIT_COUNT && err >= 0; i++) {
		const uint64_t values[2] = { me()->limits[i].current, me()->limits[i].maximum };

		err = procfs_print(b, "%-25s ", names[i][0]);
		for (int j = 0; j < 2 && err >= 0; j++)
			err = values[j] == RLIM_INFINITY
				      ? procfs_print(b, "%-20s ", "unlimited")
				      : procfs_print(b, "%-20llu ", (ull)values[j]);
		if (err >= 0)
			err = procfs_print(b, "%-10s\n", names[i][1]);
	}
	return err;
}

/* --- mounts --- */

struct mounts_walk {
	struct procfs_buffer *buffer;
	bool info; /* mountinfo's form */
	int err;
};

static bool show_mount(void *context, struct filesystem *fs)
{
	struct mounts_walk *walk = context;
	char *path = mem_alloc(PATH_MAX);
	unsigned device = (unsigned)fs->device;
	unsigned above = fs->root->parent ? (unsigned)fs->root->parent->fs->device : 0;

	walk->err = path ? (int)inode_path(fs->root, NULL, path, PATH_MAX) : -ENOMEM;
	if (walk->err > 0 && walk->info)
		walk->err = procfs_print(walk->buffer, "%u %u %u:%u / %s rw,relatime - %s %s rw\n",
					 device, above, device >> 8 & 0xfff, device & 0xff, path,
					 fs->type, fs->type);
	else if (walk->err > 0)
		walk->err = procfs_print(walk->buffer, "%s %s %s rw,relatime 0 0\n", fs->type, path,
					 fs->type);
	mem_free(path);
	return walk->err >= 0;
}

static int show_mounts(struct procfs_buffer *b)
{
	struct mounts_walk walk = { .buffer = b };

	mounts_each(show_mount, &walk);
	return walk.err < 0 ? walk.err : 0;
}

static int show_mountinfo(struct procfs_buffer *b)
{
	struct mounts_walk walk = { .buffer = b, .info = true };

	mounts_each(show_mount, &walk);
	return walk.err < 0 ? walk.err : 0;
}

/* --- what little there is to say --- */

static int show_cgroup(struct procfs_buffer *b)
{
	return procfs_print(b, "0::/\n");
}

static int show_zero(struct procfs_buffer *b)
{
	return procfs_print(b, "0\n");
}

static int show_io(struct procfs_buffer *b)
{
	return procfs_print(b, "rchar: 0\nwchar: 0\nsyscr: 0\nsyscw: 0\nread_bytes: 0\n"
			       "write_bytes: 0\ncancelled_write_bytes: 0\n");
}

static int show_personality(struct procfs_buffer *b)
{
	return procfs_print(b, "%08x\n", me()->personality);
}

static int show_nobody(struct procfs_buffer *b)
{
	return procfs_print(b, "4294967295");
}

static int show_id_map(struct procfs_buffer *b)
{
	return procfs_print(b, "%10u %10u %10u\n", 0u, 0u, UINT32_MAX);
}

static int show_setgroups(struct procfs_buffer *b)
{
	return procfs_print(b, "allow\n");
}

static int show_filter(struct procfs_buffer *b)
{
	return procfs_print(b, "%08x\n", 0x33);
}

static int show_oom_adjustment(struct procfs_buffer *b)
{
	return procfs_print(b, "%d\n", me()->oom_adjustment);
}

/* Whom to kill for want of memory is no question here; what was set is kept. */
static int write_oom_adjustment(struct procfs_buffer *b, const char *text, size_t bytes)
{
	enum { LARGEST = 1000 };
	bool negative = text[0] == '-';
	int value = 0;
	size_t i = negative;

	(void)b;
	for (; i < bytes && text[i] >= '0' && text[i] <= '9' && value <= LARGEST; i++)
		value = value * 10 + (text[i] - '0');
	if (i == negative || (i < bytes && text[i] != '\n') || value > LARGEST)
		return -EINVAL;
	me()->oom_adjustment = (int16_t)(negative ? -value : value);
	return 0;
}

/* What a process has of its own, each of its tasks shows as well. */
#define BOTH(name, fn)                                                          \
	{ .path = "self/" name, .show = fn },                                   \
	{                                                                       \
		.path = "self/task/*/" name, .show = fn, .next = proc_next_task \
	}

static const struct procfs_entry entries[] = {
	BOTH("stat", show_stat),
	BOTH("status", show_status),
	BOTH("schedstat", show_schedstat),
	BOTH("limits", show_limits),
	BOTH("mounts", show_mounts),
	BOTH("mountinfo", show_mountinfo),
	BOTH("cgroup", show_cgroup),
	BOTH("oom_score", show_zero),
	BOTH("io", show_io),
	BOTH("wchan", show_zero),
	BOTH("personality", show_personality),
	BOTH("loginuid", show_nobody),
	BOTH("sessionid", show_nobody),
	BOTH("uid_map", show_id_map),
	BOTH("gid_map", show_id_map),
	BOTH("setgroups", show_setgroups),
	BOTH("coredump_filter", show_filter),
	{ .path = "self/comm", .show = show_comm, .write = write_comm },
	{ .path = "self/task/*/comm",
	  .show = show_comm,
	  .write = write_comm,
	  .next = proc_next_task },
	{ .path = "self/oom_score_adj",
	  .show = show_oom_adjustment,
	  .write = write_oom_adjustment },
};

int proc_register_self(void)
{
	return procfs_add(entries, countof(entries));
}
