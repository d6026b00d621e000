/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Restartable sequences (rseq(2), linux/rseq.h): a thread that is displaced, or gets a signal, between the start and the commit
 * of the sequence it has announced goes on at that sequence's abort address instead.
 */
#include "rseq.h"

#include <base/assert.h>
#include <hal/cpu.h>
#include <linux/signal.h>

#include "calls.h"

struct rseq_area {
	uint32_t cpu_start, cpu;
	uint64_t sequence; /* address of a struct rseq_sequence; 0: none */
	uint32_t flags, node, concurrency_id;
};
static_assert(offsetof(struct rseq_area, concurrency_id) + sizeof(uint32_t) == RSEQ_FEATURE_BYTES,
	      "linux/rseq.h: struct rseq");

struct rseq_sequence {
	uint32_t version, flags;
	uint64_t start, commit_offset, abort;
};

enum { RSEQ_UNREGISTER = 1, RSEQ_BYTES_FIRST = 32 };
#define CPU_UNINITIALISED UINT32_MAX

/* With one CPU these never change again. */
static int write_ids(uintptr_t address, uint32_t cpu)
{
	const struct rseq_area area = { .cpu = cpu };
	const size_t node = offsetof(struct rseq_area, node);

	static_assert(CPU_MAX == 1, "with more CPUs the ids are written again after each move");
	if (user_write(address, &area, offsetof(struct rseq_area, sequence)) ||
	    user_write(address + node, &area.node, RSEQ_FEATURE_BYTES - node))
		return -EFAULT;
	return 0;
}

void rseq_forget(struct task *task)
{
	task->rseq.address = 0;
	task->thread.work_when_displaced = false;
}

static long unregister(uintptr_t address, uint32_t bytes, uint32_t signature)
{
	struct task *task = task_current();

	if (!address || task->rseq.address != address || task->rseq.bytes != bytes)
		return -EINVAL;
	if (task->rseq.signature != signature)
		return -EPERM;
	if (write_ids(address, CPU_UNINITIALISED))
		return -EFAULT;
	rseq_forget(task);
	return 0;
}

static int check_place(uintptr_t address, uint32_t bytes)
{
	if (address % RSEQ_ALIGN || bytes < RSEQ_BYTES_FIRST)
		return -EINVAL;
	return range_fits(address, bytes, USER_MAX) ? 0 : -EFAULT;
}

long sys_rseq(long area, long bytes_arg, long flags, long signature_arg)
{
	struct task *task = task_current();
	uintptr_t address = (uintptr_t)area;
	uint32_t bytes = (uint32_t)bytes_arg, signature = (uint32_t)signature_arg;

	if ((int)flags == RSEQ_UNREGISTER)
		return unregister(address, bytes, signature);
	if ((int)flags)
		return -EINVAL;
	if (task->rseq.address) {
		if (task->rseq.address != address || task->rseq.bytes != bytes)
			return -EINVAL;
		return task->rseq.signature != signature ? -EPERM : -EBUSY;
	}
	int err = check_place(address, bytes);
	if (!err && write_ids(address, 0)) {
		/* As Linux, which writes them on the way back and then has nobody else to tell. */
		signal_force(&(struct signal_info){ .signo = SIGSEGV, .code = SI_KERNEL });
		return 0;
	}
	if (err)
		return err;
	task->rseq = (struct task_rseq){ address, bytes, signature };
	task->thread.work_when_displaced = true;
	return 0;
}

static bool is_sound(const struct rseq_sequence *s, uint32_t signature)
{
	uint64_t end;
	uint32_t found;

	if (s->version || s->flags || s->start >= USER_MAX || s->abort >= USER_MAX ||
	    add_overflows(s->start, s->commit_offset, &end) || end >= USER_MAX)
		return false;
	if (s->abort - s->start < s->commit_offset) /* it must not lie in the sequence */
		return false;
	return !user_read(&found, s->abort - sizeof(found), sizeof(found)) && found == signature;
}

/* False: what the program has announced makes no sense. */
static bool leave_sequence(struct user_regs *regs, const struct task_rseq *rseq)
{
	const uintptr_t field = rseq->address + offsetof(struct rseq_area, sequence);
	const uint64_t none = 0;
	struct rseq_sequence s;
	uint64_t address;

	if (user_read(&address, field, sizeof(address)))
		return false;
	if (!address)
		return true;
	if (address >= USER_MAX || user_read(&s, address, sizeof(s)) ||
	    !is_sound(&s, rseq->signature) || user_write(field, &none, sizeof(none)))
		return false;
	if (regs->rip - s.start < s.commit_offset) {
		regs->rip = s.abort;
		user_regs_changed();
	}
	return true;
}

void rseq_interrupted(struct user_regs *regs)
{
	struct task *task = task_current();

	if (!task->rseq.address || leave_sequence(regs, &task->rseq))
		return;
	rseq_forget(task); /* else this would come again and again */
	signal_force(&(struct signal_info){ .signo = SIGSEGV, .code = SI_KERNEL });
}
