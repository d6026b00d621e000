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
#include <fs/root.h>
#include <linux/signal.h>
#include <mm/alloc.h>
#include <mm/stack.h>

#include "futex.h"
#include "timers.h"
#include "trace.h"

/* The machine's processes. */
static struct {
	struct spinlock lock;
	struct list_node processes; /* [lock] struct process.link */
	int next_id;                /* [lock] */
} table = { SPINLOCK_INIT, { &table.processes, &table.processes }, 1 };

enum { FPU_ALIGN = 64, FPU_CONTROL = 0x37f, FPU_MXCSR = 0x1f80, FPU_MXCSR_OFFSET = 24 };
#define CAPABILITIES_ALL (BIT64(41) - 1) /* up to CAP_CHECKPOINT_RESTORE */
#define OPEN_FILES ((uint64_t)1024)
#define OPEN_FILES_MAX ((uint64_t)1048576)
#define STACK_LIMIT ((uint64_t)8 << 20)
#define LOCKED_LIMIT ((uint64_t)8 << 20)
#define SIGNALS_LIMIT ((uint64_t)8192)
#define MESSAGES_LIMIT ((uint64_t)819200)

static void init_limits(struct resource_limit *limits)
{
	for (unsigned i = 0; i < RLIMIT_COUNT; i++)
		limits[i] = (struct resource_limit){ RLIM_INFINITY, RLIM_INFINITY };
	limits[RLIMIT_STACK].current = STACK_LIMIT;
	limits[RLIMIT_CORE].current = 0;
	limits[RLIMIT_NOFILE] = (struct resource_limit){ OPEN_FILES, OPEN_FILES_MAX };
	limits[RLIMIT_MEMLOCK] = (struct resource_limit){ LOCKED_LIMIT, LOCKED_LIMIT };
	limits[RLIMIT_SIGPENDING] = (struct resource_limit){ SIGNALS_LIMIT, SIGNALS_LIMIT };
	limits[RLIMIT_MSGQUEUE] = (struct resource_limit){ MESSAGES_LIMIT, MESSAGES_LIMIT };
	limits[RLIMIT_NICE] = (struct resource_limit){ 0, 0 };
	limits[RLIMIT_RTPRIO] = (struct resource_limit){ 0, 0 };
}

static int next_id(void)
{
	spin_lock(&table.lock);
	int id = table.next_id++;
	spin_unlock(&table.lock);
	return id;
}

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

static void task_destroy(struct task *task)
{
	if (task->thread.stack_base)
		stack_destroy(task->thread.stack_base);
	mem_free(task->user_fpu_memory);
	mem_free(task);
}

static void task_ended(struct thread *thread)
{
	task_destroy(container_of(thread, struct task, thread));
}

static void task_main(void *arg)
{
	struct task *task = arg;

	fpu_reset();
	user_set_fs_base(task->user.fs_base);
	user_set_gs_base(task->user.gs_base);
	user_enter(&task->start_regs);
}

static struct task *task_create(struct process *process, int tid)
{
	struct task *task = mem_zalloc(sizeof(*task));
	void *stack = stack_create();

	if (!task || !stack || create_fpu(task)) {
		if (stack)
			stack_destroy(stack);
		if (task)
			task_destroy(task);
		return NULL;
	}
	thread_init(&task->thread, task->name, stack, STACK_BYTES, task_main, task, task_ended);
	task->process = process;
	task->tid = tid;
	task->timer_slack_ns = 50 * NS_PER_US;
	task->stack.flags = SS_DISABLE;
	task->fault_errno = -EFAULT;
	signal_pending_init(&task->pending);
	list_init(&task->link);
	return task;
}

static struct signal_handlers *handlers_create(void)
{
	struct signal_handlers *handlers = mem_zalloc(sizeof(*handlers));

	if (handlers) {
		spin_init(&handlers->lock);
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
	list_init(&process->timers);
	signal_pending_init(&process->pending);
	init_limits(process->limits);
	process->handlers = handlers_create();
	process->files = fd_table_create((unsigned)OPEN_FILES);
	process->pid = next_id();
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
	process->group = process->session = process->pid;
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
	struct task *task = err ? NULL : task_create(process, process->pid);
	if (!task) {
		process_free(process);
		return err ? err : -ENOMEM;
	}
	list_insert_before(&process->tasks, &task->link);
	process->task_count = 1;
	*out = task;
	return 0;
}

void process_destroy_first(struct task *task)
{
	struct process *process = task->process;

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
	struct process *found = NULL;

	if (pid == 0)
		return process_current();
	spin_lock(&table.lock);
	list_for_each(node, &table.processes) {
		struct process *process = list_entry(node, struct process, link);

		if (process->pid == pid)
			found = process;
	}
	spin_unlock(&table.lock);
	return found;
}

void process_each(void (*fn)(void *context, struct process *process), void *context)
{
	spin_lock(&table.lock);
	list_for_each(node, &table.processes)
		fn(context, list_entry(node, struct process, link));
	spin_unlock(&table.lock);
}

static struct task *find_in(struct process *process, int tid)
{
	struct task *found = NULL;

	spin_lock(&process->handlers->lock);
	list_for_each(node, &process->tasks) {
		struct task *task = list_entry(node, struct task, link);

		if (task->tid == tid)
			found = task;
	}
	spin_unlock(&process->handlers->lock);
	return found;
}

struct task *task_find(struct process *process, int tid)
{
	if (process)
		return find_in(process, tid);

	struct task *task = task_current();
	if (task->tid == tid)
		return task;
	spin_lock(&table.lock);
	task = NULL;
	list_for_each(node, &table.processes) {
		if (!task)
			task = find_in(list_entry(node, struct process, link), tid);
	}
	spin_unlock(&table.lock);
	return task;
}

uint64_t process_cpu_time_ns(const struct process *process)
{
	struct signal_handlers *handlers = process->handlers;

	spin_lock(&handlers->lock);
	uint64_t sum = process->ended_cpu_ns;
	list_for_each(node, &process->tasks)
		sum += thread_cpu_time_ns(&list_entry(node, struct task, link)->thread);
	spin_unlock(&handlers->lock);
	return sum;
}

/* What other tasks and the program's own threads library wait for (set_tid_address(2), get_robust_list(2)). */
void task_release_user_state(struct task *task)
{
	const int32_t zero = 0;

	futex_release_robust(task);
	if (task->clear_child_tid && task->process->task_count > 1 &&
	    !user_write(task->clear_child_tid, &zero, sizeof(zero)))
		futex_wake_address(task->clear_child_tid, 1);
}

_Noreturn void process_exit(unsigned status)
{
	struct process *process = process_current();
	unsigned signo = status & 0x7f;

	process->exit_status = status;
	if (thread_current()->trace)
		trace_exit(status);
	/* The machine is the first process's, and there are no others yet: nothing needs to be given back. */
	core_end(signo ? STATUS_SIGNAL_BASE + signo : status >> 8 & 0xff);
}

_Noreturn void task_exit(unsigned status)
{
	struct task *task = task_current();
	struct process *process = task->process;

	task_release_user_state(task);
	spin_lock(&process->handlers->lock);
	bool last = process->task_count == 1;
	if (!last) {
		process->task_count--;
		process->ended_cpu_ns += thread_cpu_time_ns(&task->thread);
		list_remove(&task->link);
	}
	spin_unlock(&process->handlers->lock);
	if (last)
		process_exit(status);
	thread_exit();
}
