/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The end of the program is that of the machine, and of its stack: what Linux would go on sending for the dead has to arrive
 * before. Thread context.
 */
#include <core/thread.h>
#include <core/time.h>
#include <net/socket.h>
#include <net/stack.h>

#include "vsock/vsock.h"

/* How long, at most, and how often it is looked at. */
#define FINISH_NS (3 * NS_PER_S)
#define LOOK_NS NS_PER_MS

/* Whether the other end of a connection has yet to acknowledge something. */
static bool find_unfinished(void *context, const struct stack_endpoint_info *info)
{
	enum { FIN_WAIT1 = 4, LAST_ACK = 9, LISTEN = 10, CLOSING = 11 };
	bool *unfinished = context;

	if (info->protocol != STACK_TCP)
		return true;
	*unfinished = info->state == FIN_WAIT1 || info->state == LAST_ACK ||
		      info->state == CLOSING || (info->pending_send && info->state != LISTEN);
	return !*unfinished;
}

static bool is_unfinished(void)
{
	bool unfinished = false;

	mutex_lock(&net_mutex);
	stack_each(find_unfinished, &unfinished);
	unfinished = unfinished || vsock_is_unfinished();
	mutex_unlock(&net_mutex);
	return unfinished;
}

void network_finish(void)
{
	uint64_t end;

	if (!is_unfinished())
		return;
	end = time_now() + FINISH_NS;
	do {
		if (socket_before_sleep())
			continue;
		if (thread_sleep_until(time_now() + LOOK_NS, WAIT_UNINTERRUPTIBLE))
			return;
	} while (time_now() < end && is_unfinished());
}
