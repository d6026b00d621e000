/* SPDX-License-Identifier: BSD-3-Clause */
/* The start of the stack: of lwIP when there is a device or an endpoint, so that a program without network pays for none. */
#include "internal.h"

#include <base/errno.h>
#include <base/log.h>

#include <lwip/etharp.h>
#include <lwip/igmp.h>
#include <lwip/ip.h>
#include <lwip/memp.h>

/* [net_mutex] One network in the machine. */
static bool started;

int stack_use(void)
{
	if (likely(started))
		return 0;
	limits_init();
	memp_init();
	netif_init();
	udp_init();
	tcp_init();
	igmp_init();
	stack_timers_init();
	loopback_start();
	if (!loopback)
		return -ENOMEM;
	started = true;
	return 0;
}

void stack_start(void)
{
	netdev_set_upper(&stack_upper);
}
