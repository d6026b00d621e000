/* SPDX-License-Identifier: BSD-3-Clause */
/* signalfd(2): signals that are read. What one gets are those of the task that reads, and of its process. */
#include <fs/uio.h>
#include <linux/signal.h>
#include <mm/alloc.h>

#include "calls.h"

struct signalfd {
	uint64_t mask; /* atomic */
};

struct linux_signalfd_siginfo {
	uint32_t signo;
	int32_t error, code;
	uint32_t pid, uid;
	int32_t fd;
	uint32_t tid, band, overrun, trap;
	int32_t status, value_int;
	uint64_t value_pointer, user_time, system_time, address;
	uint16_t address_lsb, pad;
	int32_t syscall;
	uint64_t call_address;
	uint32_t arch;
	uint8_t rest[28];
};
_Static_assert(sizeof(struct linux_signalfd_siginfo) == 128, "as Linux has it");

static uint64_t mask_of(const struct file *file)
{
	const struct signalfd *s = file->private;

	return __atomic_load_n(&s->mask, __ATOMIC_RELAXED);
}

static void fill(struct linux_signalfd_siginfo *out, const struct signal_info *info)
{
	*out = (struct linux_signalfd_siginfo){
		.signo = (uint32_t)info->signo,
		.error = info->error,
		.code = info->code,
	};
	if (info->code > SI_USER && info->code < SI_KERNEL) {
		out->address = info->fault.address;
		return;
	}
	if (info->code == SI_TIMER) {
		out->tid = (uint32_t)info->timer.id;
		out->overrun = (uint32_t)info->timer.overrun;
	} else {
		out->pid = (uint32_t)info->sent.pid;
		out->uid = info->sent.uid;
	}
	if (info->code < 0) {
		out->value_pointer = info->sent.value;
		out->value_int = (int32_t)info->sent.value;
	}
}

/* Takes the next signal, waiting for it if need be. 0, -EAGAIN, -EINTR. */
static int next_signal(const struct file *file, struct signal_info *info, bool nonblocking)
{
	struct signal_handlers *handlers = process_current()->handlers;
	int err = 0;

	while (!signal_take(mask_of(file), info)) {
		if (nonblocking || err)
			return nonblocking ? -EAGAIN : err;
		spin_lock(&handlers->lock);
		if (!signal_is_waiting(mask_of(file)))
			err = waitq_wait(&handlers->readers, &handlers->lock, TIME_NEVER,
					 WAIT_INTERRUPTIBLE);
		spin_unlock(&handlers->lock);
	}
	return 0;
}

static ssize_t signalfd_read(struct file *file, struct uio *uio, uint64_t *position)
{
	struct linux_signalfd_siginfo entry;
	bool nonblocking = uio->nonblocking;
	struct signal_info info;
	ssize_t total = 0, count;

	(void)position;
	if (uio->left < sizeof(entry))
		return -EINVAL;
	do {
		count = next_signal(file, &info, nonblocking);
		if (!count) {
			fill(&entry, &info);
			count = uio_put(uio, &entry, sizeof(entry));
		}
		if (count != (ssize_t)sizeof(entry))
			return total ? total : count < 0 ? count : -EFAULT;
		total += count;
		nonblocking = true;
	} while (uio->left >= sizeof(entry));
	return total;
}

static unsigned signalfd_poll(struct file *file, struct waitq **queue)
{
	*queue = &process_current()->handlers->readers;
	return signal_is_waiting(mask_of(file)) ? POLLIN : 0;
}

static void signalfd_release(struct file *file)
{
	mem_free(file->private);
}

static const struct file_ops signalfd_ops = {
	.name = "[signalfd]",
	.read = signalfd_read,
	.poll = signalfd_poll,
	.release = signalfd_release,
};

static long change_mask(long fd, uint64_t mask)
{
	struct file *file = fd_file(fd);
	struct signal_handlers *handlers = process_current()->handlers;

	if (!file)
		return -EBADF;
	bool is_one = file->ops == &signalfd_ops;
	if (is_one) {
		struct signalfd *s = file->private;

		__atomic_store_n(&s->mask, mask, __ATOMIC_RELAXED);
		waitq_wake_events(&handlers->readers, POLLIN);
	}
	file_put(file);
	return is_one ? fd : -EINVAL;
}

long sys_signalfd4(long fd, long mask_address, long mask_bytes, long flags)
{
	uint64_t mask;

	if (mask_bytes != sizeof(mask))
		return -EINVAL;
	if (user_read(&mask, (uintptr_t)mask_address, sizeof(mask)))
		return -EFAULT;
	if ((int)flags & ~(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	mask &= ~SIGNALS_UNBLOCKABLE;
	if ((int)fd != -1)
		return change_mask((int)fd, mask);
	struct signalfd *s = mem_alloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->mask = mask;
	return install_new(&signalfd_ops, s, (unsigned)flags);
}

long sys_signalfd(long fd, long mask_address, long mask_bytes)
{
	return sys_signalfd4(fd, mask_address, mask_bytes, 0);
}
