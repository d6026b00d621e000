/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of processes and tasks: see <linux/process.h>. */
#include <linux/process.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/string.h>
#include <core/end.h>
#include <core/status.h>
#include <core/time.h>
#include <fs/block_cache.h>
#include <fs/root.h>
#include <linux/signal.h>
#include <mm/alloc.h>
#include <mm/pages.h>
#include <mm/stack.h>
#include <net/socket.h>

#include "futex.h"
#include "rseq.h"
#include "timers.h"
#include "trace.h"

/* The machine's processes and tasks. */
static struct {
	struct spinlock lock;
	struct list_node processes; /* [lock] struct process.link */
	struct rb_tree ids;         /* [lock] struct task.id_node by id */
	unsigned task_count;        /* [lock] in `ids` */
	int next_id;                /* [lock] */
} table = { .processes = { &table.processes, &table.processes }, .next_id = 1 };

enum { FPU_ALIGN = 64, FPU_CONTROL = 0x37f, FPU_MXCSR = 0x1f80, FPU_MXCSR_OFFSET = 24 };
enum { ID_MAX = 4194304, IDS_RESERVED = 300 }; /* Linux's pid_max, and where it goes on after it */
#define CAPABILITIES_ALL (BIT64(41) - 1)       /* up to CAP_CHECKPOINT_RESTORE */
#define OPEN_FILES ((uint64_t)1024)
#define OPEN_FILES_MAX ((uint64_t)1048576)
#define STACK_LIMIT ((uint64_t)8 << 20)
#define LOCKED_LIMIT ((uint64_t)8 << 20)
#define SIGNALS_LIMIT ((uint64_t)8192)
#define MESSAGES_LIMIT ((uint64_t)819200)

unsigned tasks_max(void)
{
	/* A quarter of the memory for kernel stacks; Linux, which runs other programs too, has an eighth. */
	uint64_t fit = pages_stats().total_bytes / (4 * STACK_BYTES);

	return (unsigned)min(max(fit, (uint64_t)64), (uint64_t)ID_MAX - IDS_RESERVED);
}

static void init_limits(struct resource_limit *limits)
{
	for (unsigned i = 0; i < RLIMIT_COUNT; i++)
		limits[i] = (struct resource_limit){ RLIM_INFINITY, RLIM_INFINITY };
	limits[RLIMIT_STACK].current = STACK_LIMIT;
	limits[RLIMIT_CORE].current = 0;
	limits[RLIMIT_NPROC] = (struct resource_limit){ tasks_max() / 2, tasks_max() / 2 };
	limits[RLIMIT_NOFILE] = (struct resource_limit){ OPEN_FILES, OPEN_FILES_MAX };
	limits[RLIMIT_MEMLOCK] = (struct resource_limit){ LOCKED_LIMIT, LOCKED_LIMIT };
	limits[RLIMIT_SIGPENDING] = (struct resource_limit){ SIGNALS_LIMIT, SIGNALS_LIMIT };
	limits[RLIMIT_MSGQUEUE] = (struct resource_limit){ MESSAGES_LIMIT, MESSAGES_LIMIT };
	limits[RLIMIT_NICE] = (struct resource_limit){ 0, 0 };
	limits[RLIMIT_RTPRIO] = (struct resource_limit){ 0, 0 };
}

/* --- ids --- */

static struct task *task_of_node(struct rb_node *node)
{
	return container_of(node, struct task, id_node);
}

/* [table.lock] Where an id is, or would be linked: `*parent` is set to the node above. */
static struct rb_node **place_of(int id, struct rb_node **parent)
{
	struct rb_node **at = &table.ids.root;

	*parent = NULL;
	while (*at && task_of_node(*at)->tid != id) {
		*parent = *at;
		at = id < task_of_node(*at)->tid ? &(*at)->left : &(*at)->right;
	}
	return at;
}

/* [table.lock] */
static struct task *task_with(int id)
{
	struct rb_node *parent, **at = place_of(id, &parent);

	return *at ? task_of_node(*at) : NULL;
}

/* [table.lock] */
static void link_id(struct task *task, int id)
{
	struct rb_node *parent, **at = place_of(id, &parent);

	task->tid = id;
	rb_insert(&table.ids, &task->id_node, parent, at);
}

static int take_id(struct task *task)
{
	int err = -EAGAIN;

	spin_lock(&table.lock);
	/* There are far more ids than tasks. */
	for (int tries = 0; table.task_count < tasks_max() && err && tries < ID_MAX; tries++) {
		int id = table.next_id++;

		if (table.next_id >= ID_MAX)
			table.next_id = IDS_RESERVED;
		if (task_with(id))
			continue;
		link_id(task, id);
		table.task_count++;
		err = 0;
	}
	spin_unlock(&table.lock);
	return err;
}

static void give_id(struct task *task)
{
	spin_lock(&table.lock);
	rb_remove(&table.ids, &task->id_node);
	table.task_count--;
	spin_unlock(&table.lock);
}

unsigned tasks_count(void)
{
	spin_lock(&table.lock);
	unsigned count = table.task_count;
	spin_unlock(&table.lock);
	return count;
}

/* --- tasks --- */

/* Room for the floating point state, at its initial values: what the scheduler loads when the task runs first. */
static int create_fpu(struct task *task)
{
	task->user_fpu_memory = mem_zalloc(fpu_state_bytes() + FPU_ALIGN);
	if (!task->user_fpu_memory)
		return -ENOMEM;

	char *fpu = (char *)align_up((uintptr_t)task->user_fpu_memory, FPU_ALIGN);
	const uint16_t control = FPU_CONTROL;
	const uint32_t mxcsr = FPU_MXCSR;

	memcpy(fpu, &control, sizeof(control));
	memcpy(fpu + FPU_MXCSR_OFFSET, &mxcsr, sizeof(mxcsr));
	task->user.fpu = fpu;
	return 0;
}

struct task *task_get(struct task *task)
{
	__atomic_add_fetch(&task->refs, 1, __ATOMIC_RELAXED);
	return task;
}

void task_put(struct task *task)
{
	if (!task || __atomic_sub_fetch(&task->refs, 1, __ATOMIC_ACQ_REL))
		return;
	mem_free(task->user_fpu_memory);
	mem_free(task);
}

void task_destroy(struct task *task)
{
	stack_destroy(task->thread.stack_base);
	task_put(task);
}

static void thread_ended(struct thread *thread)
{
	task_destroy(container_of(thread, struct task, thread));
}

static void task_main(void *arg)
{
	struct task *task = arg;

	if (task->set_child_tid) {
		int err = user_write(task->set_child_tid, &task->tid, sizeof(task->tid));
		(void)err; /* as Linux: the program's own business */
	}
	user_enter(&task->start_regs);
}

struct task *task_create(struct process *process)
{
	struct task *task = mem_zalloc(sizeof(*task));
	void *stack = stack_create();

	if (!task || !stack || create_fpu(task)) {
		stack_destroy(stack);
		mem_free(task);
		return NULL;
	}
	thread_init(&task->thread, task->name, stack, STACK_BYTES, task_main, task, thread_ended);
	task->process = process;
	task->refs = 1;
	task->timer_slack_ns = 50 * NS_PER_US;
	task->stack.flags = SS_DISABLE;
	task->fault_errno = -EFAULT;
	signal_pending_init(&task->pending);
	list_init(&task->link);
	list_init(&task->locks);
	return task;
}

int task_add(struct task *task)
{
	struct process *process = task->process;
	int err = take_id(task);

	if (err)
		return err;
	spin_lock(&process->handlers->lock);
	if (process->sole) {
		err = -EAGAIN;
	} else {
		list_insert_before(&process->tasks, &task->link);
		process->task_count++;
		if (process->stopped)
			task->thread.user_work = 1;
	}
	spin_unlock(&process->handlers->lock);
	if (err)
		give_id(task);
	return err;
}

struct task *task_next(const struct process *process, int from)
{
	struct rb_node *parent;

	spin_lock(&table.lock);
	struct rb_node *node = *place_of(from, &parent);
	if (!node && parent)
		node = task_of_node(parent)->tid < from ? rb_next(parent) : parent;
	while (node && task_of_node(node)->process != process)
		node = rb_next(node);
	struct task *task = node ? task_get(task_of_node(node)) : NULL;
	spin_unlock(&table.lock);
	return task;
}

/* --- processes --- */

static struct signal_handlers *handlers_create(void)
{
	struct signal_handlers *handlers = mem_zalloc(sizeof(*handlers));

	if (handlers) {
		spin_init(&handlers->lock);
		waitq_init(&handlers->readers);
		handlers->refs = 1;
	}
	return handlers;
}

static void process_free(struct process *process)
{
	timers_destroy(process);
	if (process->space)
		space_put(process->space);
	if (process->files)
		fd_table_put(process->files);
	file_put(process->exe);
	inode_put(process->paths.root);
	inode_put(process->paths.cwd);
	task_put(process->leader);
	mem_free(process->credentials.groups);
	mem_free(process->handlers);
	mem_free(process);
}

static struct process *process_create(void)
{
	struct process *process = mem_zalloc(sizeof(*process));

	if (!process)
		return NULL;
	list_init(&process->link);
	list_init(&process->tasks);
	waitq_init(&process->task_ended);
	waitq_init(&process->continued);
	mutex_init(&process->timers_lock);
	mutex_init(&process->groups_lock);
	list_init(&process->timers);
	signal_pending_init(&process->pending);
	init_limits(process->limits);
	process->handlers = handlers_create();
	process->files = fd_table_create((unsigned)OPEN_FILES);
	if (!process->handlers || !process->files) {
		process_free(process);
		return NULL;
	}
	return process;
}

static int open_console(struct process *process)
{
	struct file *console;
	int err = root_open_console(O_RDWR, &console);

	if (err)
		return err;
	for (int fd = 0; fd < 3 && err >= 0; fd++)
		err = fd_install(process->files, file_get(console), 0, false);
	file_put(console);
	return err < 0 ? err : 0;
}

int process_create_first(struct task **out)
{
	struct process *process = process_create();

	if (!process)
		return -ENOMEM;
	process->credentials = (struct credentials){
		.effective = CAPABILITIES_ALL,
		.permitted = CAPABILITIES_ALL,
		.bounding = CAPABILITIES_ALL,
	};
	process->paths = (struct path_context){
		.root = inode_get(root_directory()),
		.cwd = inode_get(root_directory()),
		.umask = 022,
	};

	int err = open_console(process);
	struct task *task = err ? NULL : task_create(process);
	if (!task) {
		process_free(process);
		return err ? err : -ENOMEM;
	}
	err = task_add(task);
	assert(!err); /* the first of all */
	process->leader = task_get(task);
	process->pid = process->group = process->session = task->tid;
	*out = task;
	return 0;
}

void process_destroy_first(struct task *task)
{
	struct process *process = task->process;

	give_id(task);
	task_destroy(task);
	process_free(process);
}

void task_start(struct task *task)
{
	struct process *process = task->process;

	task->thread.mmu = &process->space->mmu;
	task->thread.user = &task->user;
	spin_lock(&table.lock);
	if (!list_linked(&process->link))
		list_insert_before(&table.processes, &process->link);
	spin_unlock(&table.lock);
	thread_start(&task->thread);
}

struct process *process_find(int pid)
{
	if (pid == 0)
		return process_current();

	spin_lock(&table.lock);
	struct task *task = task_with(pid);
	struct process *process = task && task->process->pid == pid ? task->process : NULL;
	spin_unlock(&table.lock);
	return process;
}

void process_each(void (*fn)(void *context, struct process *process), void *context)
{
	spin_lock(&table.lock);
	list_for_each(node, &table.processes)
		fn(context, list_entry(node, struct process, link));
	spin_unlock(&table.lock);
}

struct task *task_find(struct process *process, int tid)
{
	spin_lock(&table.lock);
	struct task *task = task_with(tid);
	if (task && process && task->process != process)
		task = NULL;
	if (task)
		task_get(task);
	spin_unlock(&table.lock);
	return task;
}

struct task_usage task_usage(const struct task *task)
{
	return (struct task_usage){
		.cpu_ns = thread_cpu_time_ns(&task->thread),
		.waits = task->thread.waits,
		.preemptions = task->thread.preemptions,
	};
}

static void add_usage(struct task_usage *sum, const struct task *task)
{
	struct task_usage usage = task_usage(task);

	sum->cpu_ns += usage.cpu_ns;
	sum->waits += usage.waits;
	sum->preemptions += usage.preemptions;
}

struct task_usage process_usage(const struct process *process)
{
	struct signal_handlers *handlers = process->handlers;

	spin_lock(&handlers->lock);
	struct task_usage sum = process->ended_usage;
	list_for_each(node, &process->tasks)
		add_usage(&sum, list_entry(node, struct task, link));
	spin_unlock(&handlers->lock);
	return sum;
}

uint64_t process_cpu_time_ns(const struct process *process)
{
	return process_usage(process).cpu_ns;
}

/* --- the end --- */

void task_release_user_state(struct task *task)
{
	const int32_t zero = 0;

	rseq_forget(task);
	futex_release_robust(task);
	futex_release_locks(task);
	if (task->clear_child_tid && task->process->task_count > 1 &&
	    !user_write(task->clear_child_tid, &zero, sizeof(zero)))
		futex_wake_address(task->clear_child_tid, 1);
	task->clear_child_tid = 0;
}

/* As the end of a process does it on Linux: its connections end in order, and what it sent arrives. */
static void close_sockets(struct process *process)
{
	for (int fd = fd_next(process->files, 0); fd >= 0;
	     fd = fd_next(process->files, (unsigned)fd + 1)) {
		struct file *file = fd_get(process->files, fd);
		bool is_socket = file && socket_of(file);

		file_put(file);
		if (is_socket) {
			int err = fd_close(process->files, fd);
			(void)err; /* another thread may have closed it */
		}
	}
	network_finish();
}

_Noreturn void process_exit(unsigned status)
{
	struct process *process = process_current();
	unsigned signo = status & 0x7f;

	process->exit_status = status;
	if (thread_current()->trace)
		trace_exit(status);
	close_sockets(process);
	block_cache_sync_all();
	/* The machine is the first process's, and there are no others yet: nothing needs to be given back. */
	core_end(signo ? STATUS_SIGNAL_BASE + signo : status >> 8 & 0xff);
}

/* False: it is the last one, and stays. */
static bool leave_process(struct task *task)
{
	struct process *process = task->process;

	spin_lock(&process->handlers->lock);
	bool last = process->task_count == 1;
	if (!last) {
		process->task_count--;
		add_usage(&process->ended_usage, task);
		list_remove(&task->link);
		signal_task_ends(task);
	}
	spin_unlock(&process->handlers->lock);
	return !last;
}

_Noreturn void task_exit(unsigned status)
{
	struct task *task = task_current();
	struct process *process = task->process;

	task_release_user_state(task);
	if (!leave_process(task))
		process_exit(status);
	futex_release_locks(task); /* whoever came while it ended */
	/* A leader keeps its id: it is the process's. */
	if (task != process->leader)
		give_id(task);
	waitq_wake_all(&process->task_ended);
	thread_exit();
}

/* The id of the process goes to the only task that is left. */
static void become_leader(struct task *task)
{
	struct process *process = task->process;
	struct task *old = process->leader;

	if (old == task)
		return;
	give_id(old);
	spin_lock(&table.lock);
	rb_remove(&table.ids, &task->id_node);
	link_id(task, process->pid);
	spin_unlock(&table.lock);
	process->leader = task_get(task);
	task_put(old);
}

int process_end_other_tasks(void)
{
	struct task *self = task_current();
	struct process *process = self->process;
	struct spinlock *lock = &process->handlers->lock;

	spin_lock(lock);
	if (process->sole || self->must_end) {
		spin_unlock(lock);
		return -EAGAIN;
	}
	process->sole = self;
	list_for_each(node, &process->tasks) {
		struct task *task = list_entry(node, struct task, link);

		if (task != self)
			signal_end_task(task);
	}
	while (process->task_count > 1) {
		int err = waitq_wait(&process->task_ended, lock, TIME_NEVER, WAIT_UNINTERRUPTIBLE);
		assert(!err);
	}
	process->sole = NULL;
	spin_unlock(lock);
	become_leader(self);
	return 0;
}
