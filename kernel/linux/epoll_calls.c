/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls of epoll(7). */
#include <core/time.h>
#include <linux/signal.h>

#include "calls.h"
#include "epoll.h"

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };

static long create(unsigned flags)
{
	struct file *file = epoll_create();

	if (!file)
		return -ENOMEM;
	int fd = fd_install(process_current()->files, file, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(file);
	return fd;
}

long sys_epoll_create1(long flags)
{
	return (int)flags & ~O_CLOEXEC ? -EINVAL : create((unsigned)flags);
}

long sys_epoll_create(long size)
{
	return (int)size <= 0 ? -EINVAL : create(0);
}

static bool exclusive_is_allowed(int op, uint32_t events, const struct file *target)
{
	const uint32_t ALLOWED = POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET |
				 EPOLLEXCLUSIVE;

	return op == EPOLL_CTL_ADD && !epoll_of(target) && !(events & ~ALLOWED);
}

static long control(struct file *file, int op, int fd, struct file *target,
		    const struct linux_epoll_event *event)
{
	struct epoll *epoll = epoll_of(file);

	if (!target->ops->poll)
		return -EPERM;
	if (!epoll || file == target)
		return -EINVAL;
	if (op != EPOLL_CTL_DEL && event->events & EPOLLEXCLUSIVE &&
	    !exclusive_is_allowed(op, event->events, target))
		return -EINVAL;
	switch (op) {
	case EPOLL_CTL_ADD:
		return epoll_add(epoll, fd, target, event);
	case EPOLL_CTL_DEL:
		return epoll_delete(epoll, fd, target);
	case EPOLL_CTL_MOD:
		return epoll_modify(epoll, fd, target, event);
	default:
		return -EINVAL;
	}
}

long sys_epoll_ctl(long epfd, long op, long fd, long address)
{
	struct linux_epoll_event event = { 0, 0 };
	long result = -EBADF;

	if ((int)op != EPOLL_CTL_DEL && user_read(&event, (uintptr_t)address, sizeof(event)))
		return -EFAULT;
	struct file *file = fd_file(epfd), *target = file ? fd_file(fd) : NULL;
	if (target && !(file->flags & O_PATH) && !(target->flags & O_PATH))
		result = control(file, (int)op, (int)fd, target, &event);
	file_put(target);
	file_put(file);
	return result;
}

static long wait_until(long epfd, long address, long max, uint64_t deadline)
{
	enum { EVENTS_MAX = INT32_MAX / sizeof(struct linux_epoll_event) };

	if ((int)max <= 0 || (int)max > EVENTS_MAX)
		return -EINVAL;
	struct file *file = fd_file(epfd);
	if (!file)
		return -EBADF;
	struct epoll *epoll = epoll_of(file);
	long result = -EINVAL;
	if (epoll)
		result = epoll_wait_ready(epoll, (uintptr_t)address, (int)max, deadline);
	file_put(file);
	return result;
}

static uint64_t deadline_of(int timeout_ms)
{
	if (timeout_ms <= 0)
		return timeout_ms ? TIME_NEVER : 0;
	return deadline_after((uint32_t)timeout_ms * NS_PER_MS);
}

long sys_epoll_wait(long epfd, long address, long max, long timeout_ms)
{
	return wait_until(epfd, address, max, deadline_of((int)timeout_ms));
}

/* With a mask for as long as it waits. */
static long wait_masked(long epfd, long address, long max, uint64_t deadline, const uint64_t *mask)
{
	if (!mask)
		return wait_until(epfd, address, max, deadline);
	signal_set_temporary(*mask);
	long result = wait_until(epfd, address, max, deadline);
	signal_end_temporary(result == -EINTR);
	return result;
}

/* The mask at an address, if any, into *mask; *given points there then. */
static int read_mask(long address, long bytes, uint64_t *mask, const uint64_t **given)
{
	*given = NULL;
	if (!address)
		return 0;
	if (bytes != sizeof(*mask))
		return -EINVAL;
	*given = mask;
	return user_read(mask, (uintptr_t)address, sizeof(*mask));
}

long sys_epoll_pwait(long epfd, long address, long max, long timeout_ms, long mask_address,
		     long mask_bytes)
{
	const uint64_t *given;
	uint64_t mask;
	int error = read_mask(mask_address, mask_bytes, &mask, &given);

	if (error)
		return error;
	return wait_masked(epfd, address, max, deadline_of((int)timeout_ms), given);
}

long sys_epoll_pwait2(long epfd, long address, long max, long timeout, long mask_address,
		      long mask_bytes)
{
	uint64_t mask, ns, deadline = TIME_NEVER;
	const uint64_t *given;
	int error = timeout ? user_read_timespec((uintptr_t)timeout, &ns) : 0;

	if (error)
		return error;
	error = read_mask(mask_address, mask_bytes, &mask, &given);
	if (error)
		return error;
	if (timeout)
		deadline = ns ? deadline_after(ns) : 0;
	return wait_masked(epfd, address, max, deadline, given);
}
