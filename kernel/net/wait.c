/* SPDX-License-Identifier: BSD-3-Clause */
/* Waiting for a socket. Thread context. */
#include <base/errno.h>
#include <class/net.h>
#include <core/time.h>

#include "internal.h"

static void link(struct socket_wait *wait)
{
	waiter_init(&wait->waiter);
	wait->waiter.events = wait->events | POLLERR | POLLHUP;
	wait->waiter.exclusive = wait->flags & WAIT_EXCLUSIVE;
	waitq_add(&wait->socket->waitq, &wait->waiter);
	wait->deadline_ns = wait->timeout_ns == TIME_NEVER ? TIME_NEVER
							   : time_now() + wait->timeout_ns;
	wait->linked = true;
}

int socket_wait_more(struct socket_wait *wait)
{
	struct waiter *waiters[] = { &wait->waiter };
	int error;

	if (wait->nonblocking)
		return -EAGAIN;
	if (socket_before_sleep())
		return 0;
	if (!wait->linked) {
		link(wait);
		return 0; /* and look once more: it may have changed before */
	}
	error = thread_wait(waiters, 1, wait->deadline_ns, WAIT_INTERRUPTIBLE);
	__atomic_store_n(&wait->waiter.woken, false, __ATOMIC_RELAXED);
	return error == -ETIMEDOUT ? -EAGAIN : error;
}

void socket_wait_end(struct socket_wait *wait)
{
	if (wait->linked)
		waitq_remove(&wait->socket->waitq, &wait->waiter);
}

void socket_wake(struct socket *socket, unsigned events)
{
	waitq_wake_events(&socket->waitq, events);
}

bool socket_before_sleep(void)
{
	return netdev_poll_now();
}

bool socket_is_nonblocking(const struct socket *socket, unsigned flags)
{
	return flags & (MSG_DONTWAIT | MSG_ERRQUEUE) ||
	       __atomic_load_n(&socket->file->flags, __ATOMIC_RELAXED) & O_NONBLOCK;
}
