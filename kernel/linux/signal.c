/* SPDX-License-Identifier: BSD-3-Clause */
/* Signals: sending and the queues. What a task does with one is in deliver.c. See <linux/signal.h>. */
#include <linux/signal.h>

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <fs/file.h>
#include <mm/alloc.h>

#define BITS(a, b, c, d, e, f) \
	(BIT64((a)-1) | BIT64((b)-1) | BIT64((c)-1) | BIT64((d)-1) | BIT64((e)-1) | BIT64((f)-1))
#define DEFAULT_IGNORED \
	(BIT64(SIGCHLD - 1) | BIT64(SIGCONT - 1) | BIT64(SIGURG - 1) | BIT64(SIGWINCH - 1))
/* Taken before others, since they say why the program cannot go on (Linux: SYNCHRONOUS_MASK). */
#define SYNCHRONOUS BITS(SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGSYS)

#define STOPPING BITS(SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP, SIGSTOP)

static const char names[][10] = {
	"SIG0",      "SIGHUP",  "SIGINT",    "SIGQUIT", "SIGILL",   "SIGTRAP", "SIGABRT", "SIGBUS",
	"SIGFPE",    "SIGKILL", "SIGUSR1",   "SIGSEGV", "SIGUSR2",  "SIGPIPE", "SIGALRM", "SIGTERM",
	"SIGSTKFLT", "SIGCHLD", "SIGCONT",   "SIGSTOP", "SIGTSTP",  "SIGTTIN", "SIGTTOU", "SIGURG",
	"SIGXCPU",   "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO",   "SIGPWR",  "SIGSYS",
};

const char *signal_name(int signo, char buffer[12])
{
	if (signo >= 0 && signo < SIGRTMIN)
		return names[signo];
	format(buffer, 12, "SIGRT%d", signo - SIGRTMIN);
	return buffer;
}

void signal_pending_init(struct signal_pending *pending)
{
	pending->set = pending->of_kernel = 0;
	list_init(&pending->queue);
}

bool signal_is_ignored(const struct process *process, int signo)
{
	assert(signo >= 1 && signo <= SIGNAL_MAX);
	uint64_t handler = process->handlers->actions[signo - 1].handler;

	return handler == SIGNAL_IGNORE ||
	       (handler == SIGNAL_DEFAULT && DEFAULT_IGNORED & signal_bit(signo));
}

/* Lets a task look at its signals soon, wherever it is. */
static void notify(struct task *task)
{
	__atomic_store_n(&task->thread.user_work, 1, __ATOMIC_RELEASE);
	thread_interrupt(&task->thread);
}

static bool wants(const struct task *task, int signo)
{
	return !(task->blocked & signal_bit(signo)) || task->awaited & signal_bit(signo);
}

/* [signals] Lets one task of those that do not block a signal of the process take it; the leader first, as Linux. */
static void notify_process(struct process *process, int signo)
{
	list_for_each(node, &process->tasks) {
		struct task *task = list_entry(node, struct task, link);

		if (wants(task, signo)) {
			notify(task);
			return;
		}
	}
}

/* [signals] Those who wait for signals as for input: what is blocked comes to them. */
static void tell_readers(struct process *process)
{
	waitq_wake_events(&process->handlers->readers, POLLIN);
}

/* [signals] A standard signal of the kernel's: needs no entry, and so no memory. */
static void enqueue_of_kernel(struct signal_pending *pending, int signo)
{
	if (!(pending->set & signal_bit(signo)))
		pending->of_kernel |= signal_bit(signo);
	pending->set |= signal_bit(signo);
}

/* [signals] Puts the signal into a queue; 1: it is there already. */
static int enqueue(struct process *process, struct signal_pending *pending,
		   const struct signal_info *info)
{
	bool realtime = info->signo >= SIGRTMIN;

	if (!realtime && pending->set & signal_bit(info->signo))
		return 1;

	struct queued_signal *entry = NULL;
	if (!realtime || process->queued_signals < process->limits[RLIMIT_SIGPENDING].current)
		entry = mem_alloc(sizeof(*entry));
	if (!entry && realtime && info->code != SI_USER && info->code != SI_KERNEL)
		return -EAGAIN;
	if (entry) {
		entry->info = *info;
		entry->owner = NULL;
		list_insert_before(&pending->queue, &entry->link);
		process->queued_signals++;
	}
	pending->set |= signal_bit(info->signo);
	return 0;
}

static void forget_all(struct process *process, uint64_t set);

/* [signals] What a signal does just by being sent, blocked or ignored as it may be (signal(7)): those that stop and those that
 * continue undo each other. */
static void prepare(struct process *process, int signo)
{
	if (signo == SIGCONT)
		forget_all(process, STOPPING);
	else if (STOPPING & signal_bit(signo))
		forget_all(process, signal_bit(SIGCONT));
	if (process->stopped && (signo == SIGCONT || signo == SIGKILL)) {
		process->stopped = false;
		waitq_wake_all(&process->continued);
	}
}

static bool blocked_by_all(const struct process *process, int signo)
{
	bool blocked = true;

	list_for_each(node, &process->tasks)
		blocked &= !wants(list_entry(node, struct task, link), signo);
	return blocked;
}

int signal_send_process(struct process *process, const struct signal_info *info)
{
	int err = 0;

	spin_lock(&process->handlers->lock);
	prepare(process, info->signo);
	if (!signal_is_ignored(process, info->signo) || blocked_by_all(process, info->signo)) {
		err = enqueue(process, &process->pending, info);
		if (err >= 0)
			notify_process(process, info->signo);
		tell_readers(process);
	}
	spin_unlock(&process->handlers->lock);
	return err < 0 ? err : 0;
}

int signal_send_task(struct task *task, const struct signal_info *info)
{
	struct process *process = task->process;
	int err = 0;

	spin_lock(&process->handlers->lock);
	prepare(process, info->signo);
	if (!task->ended &&
	    (!signal_is_ignored(process, info->signo) || !wants(task, info->signo))) {
		err = enqueue(process, &task->pending, info);
		if (err >= 0 && wants(task, info->signo))
			notify(task);
		tell_readers(process);
	}
	spin_unlock(&process->handlers->lock);
	return err < 0 ? err : 0;
}

void signal_post_process(struct process *process, int signo)
{
	assert(signo < SIGRTMIN);
	spin_lock(&process->handlers->lock);
	prepare(process, signo);
	if (!signal_is_ignored(process, signo) || blocked_by_all(process, signo)) {
		enqueue_of_kernel(&process->pending, signo);
		notify_process(process, signo);
		tell_readers(process);
	}
	spin_unlock(&process->handlers->lock);
}

bool signal_send_entry(struct process *process, struct task *task, struct queued_signal *entry)
{
	struct signal_pending *pending = task ? &task->pending : &process->pending;
	int signo = entry->info.signo;
	bool queued = false;

	spin_lock(&process->handlers->lock);
	prepare(process, signo);
	if (!list_linked(&entry->link) && !(task && task->ended) &&
	    (!signal_is_ignored(process, signo) || blocked_by_all(process, signo))) {
		list_insert_before(&pending->queue, &entry->link);
		process->queued_signals++;
		pending->set |= signal_bit(signo);
		if (task && wants(task, signo))
			notify(task);
		else if (!task)
			notify_process(process, signo);
		tell_readers(process);
		queued = true;
	}
	spin_unlock(&process->handlers->lock);
	return queued;
}

/* [signals] Clears the signal's bit when nothing of it is there any more. */
static void update_bit(struct signal_pending *pending, int signo)
{
	if (pending->of_kernel & signal_bit(signo))
		return;
	list_for_each(node, &pending->queue)
		if (list_entry(node, struct queued_signal, link)->info.signo == signo)
			return;
	pending->set &= ~signal_bit(signo);
}

void signal_remove_entry(struct process *process, struct queued_signal *entry)
{
	spin_lock(&process->handlers->lock);
	if (list_linked(&entry->link)) {
		list_remove(&entry->link);
		process->queued_signals--;
		update_bit(&process->pending, entry->info.signo);
		list_for_each(node, &process->tasks)
			update_bit(&list_entry(node, struct task, link)->pending,
				   entry->info.signo);
	}
	spin_unlock(&process->handlers->lock);
}

/* [signals] Takes the oldest entry of one signal that is pending. */
static void dequeue(struct process *process, struct signal_pending *pending, int signo,
		    struct signal_info *info)
{
	bool of_kernel = pending->of_kernel & signal_bit(signo);

	pending->of_kernel &= ~signal_bit(signo);
	*info = (struct signal_info){ .signo = signo, .code = of_kernel ? SI_KERNEL : SI_USER };
	list_for_each(node, &pending->queue) {
		struct queued_signal *entry = list_entry(node, struct queued_signal, link);

		if (entry->info.signo != signo)
			continue;
		*info = entry->info;
		list_remove(&entry->link);
		process->queued_signals--;
		if (entry->owner)
			entry->overrun_taken = info->timer.overrun;
		else
			mem_free(entry);
		break;
	}
	update_bit(pending, signo);
}

/* [signals] */
static void forget_in(struct process *process, struct signal_pending *pending, int signo)
{
	struct signal_info info;

	while (pending->set & signal_bit(signo))
		dequeue(process, pending, signo, &info);
}

static void forget_all(struct process *process, uint64_t set)
{
	for (; set; set &= set - 1)
		signal_forget(process, __builtin_ctzll(set) + 1);
}

void signal_stop(struct process *process)
{
	spin_lock(&process->handlers->lock);
	process->stopped = true;
	list_for_each(node, &process->tasks)
		notify(list_entry(node, struct task, link));
	spin_unlock(&process->handlers->lock);
}

void signal_wait_while_stopped(void)
{
	struct task *task = task_current();
	struct process *process = task->process;
	struct spinlock *lock = &process->handlers->lock;

	if (!__atomic_load_n(&process->stopped, __ATOMIC_ACQUIRE))
		return;
	spin_lock(lock);
	task->stands = true;
	while (process->stopped && !task->must_end) {
		int err = waitq_wait(&process->continued, lock, TIME_NEVER, WAIT_UNINTERRUPTIBLE);
		assert(!err);
	}
	task->stands = false;
	spin_unlock(lock);
}

/* [signals] Some task may have been woken for the process's signals in `set`, and will not take them: others shall. */
static void hand_on(struct process *process, uint64_t set)
{
	for (uint64_t left = process->pending.set & set; left; left &= left - 1)
		notify_process(process, __builtin_ctzll(left) + 1);
}

void signal_task_ends(struct task *task)
{
	task->ended = true;
	for (uint64_t left = task->pending.set; left; left &= left - 1)
		forget_in(task->process, &task->pending, __builtin_ctzll(left) + 1);
	hand_on(task->process, ~task->blocked);
}

void signal_end_task(struct task *task)
{
	task->must_end = true;
	/* It counts as a signal that nothing blocks; deliver.c looks at must_end before. */
	enqueue_of_kernel(&task->pending, SIGKILL);
	notify(task);
	waitq_wake_all(&task->process->continued);
}

static int lowest(uint64_t set)
{
	return set & SYNCHRONOUS ? __builtin_ctzll(set & SYNCHRONOUS) + 1
				 : __builtin_ctzll(set) + 1;
}

bool signal_take(uint64_t set, struct signal_info *info)
{
	struct task *task = task_current();
	struct process *process = task->process;
	struct signal_pending *pending = &task->pending;

	spin_lock(&process->handlers->lock);
	if (!(pending->set & set))
		pending = &process->pending;
	bool found = pending->set & set;
	if (found)
		dequeue(process, pending, lowest(pending->set & set), info);
	spin_unlock(&process->handlers->lock);
	return found;
}

bool signal_is_pending(void)
{
	struct task *task = task_current();

	return (task->pending.set | task->process->pending.set) & ~task->blocked ||
	       task->process->stopped;
}

bool signal_is_waiting(uint64_t set)
{
	struct task *task = task_current();

	return (task->pending.set | task->process->pending.set) & set;
}

void signal_wait(void)
{
	while (!signal_is_pending()) {
		/* An interrupt without a signal was for one that another task has taken. */
		if (thread_sleep_until(TIME_NEVER, WAIT_INTERRUPTIBLE))
			thread_clear_interrupt();
	}
}

void signal_set_blocked(uint64_t blocked)
{
	struct task *task = task_current();

	spin_lock(&task->process->handlers->lock);
	uint64_t newly_blocked = blocked & ~task->blocked;
	task->blocked = blocked & ~SIGNALS_UNBLOCKABLE;
	if (newly_blocked)
		hand_on(task->process, newly_blocked);
	if (signal_is_pending())
		notify(task);
	spin_unlock(&task->process->handlers->lock);
}

void signal_set_temporary(uint64_t blocked)
{
	struct task *task = task_current();

	task->saved_blocked = task->blocked;
	task->restore_blocked = true;
	signal_set_blocked(blocked);
}

void signal_end_temporary(bool interrupted)
{
	struct task *task = task_current();

	if (interrupted && signal_is_pending())
		return; /* deliver.c restores it: by the handler's frame, or itself */
	task->restore_blocked = false;
	signal_set_blocked(task->saved_blocked);
}

void signal_forget(struct process *process, int signo)
{
	list_for_each(node, &process->tasks)
		forget_in(process, &list_entry(node, struct task, link)->pending, signo);
	forget_in(process, &process->pending, signo);
}

void signal_force(const struct signal_info *info)
{
	struct task *task = task_current();
	struct process *process = task->process;
	struct signal_action *action = &process->handlers->actions[info->signo - 1];

	spin_lock(&process->handlers->lock);
	if (task->blocked & signal_bit(info->signo) || action->handler == SIGNAL_IGNORE) {
		action->handler = SIGNAL_DEFAULT;
		task->blocked &= ~signal_bit(info->signo);
	}
	/* The fault's own information counts, whatever somebody has sent before. */
	if (task->pending.set & signal_bit(info->signo)) {
		struct signal_info earlier;

		dequeue(process, &task->pending, info->signo, &earlier);
	}
	int err = enqueue(process, &task->pending, info);
	(void)err; /* standard signals are never refused */
	notify(task);
	spin_unlock(&process->handlers->lock);
}
