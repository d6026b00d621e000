/* SPDX-License-Identifier: BSD-3-Clause */
/* How much the network may take: parts of the machine's memory, so that neither a flood nor a slow reader takes it from the program. */
#include "internal.h"

#include <mm/pages.h>

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)

/* One network in the machine; set once. */
struct stack_limits limits;
uint32_t tcp_window_max;

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	return max(least, min(value, most));
}

void limits_init(void)
{
	uint64_t memory = pages_stats().total_bytes;

	tcp_window_max = (uint32_t)clamp(memory / 64, 64 * KIB, 4 * MIB);
	limits.window_first = (uint32_t)min((uint64_t)tcp_window_max, 128 * KIB);
	limits.send_max = tcp_window_max;
	limits.received_max = memory / 4;
	limits.queued_max = memory / 4;
	limits.connections_max = (unsigned)clamp(memory / (2 * KIB), 1024, 4 * MIB);
	limits.opening_max = (unsigned)clamp(memory / (32 * KIB), 256, 8192);
	limits.timewait_max = (unsigned)clamp(memory / (8 * KIB), 1024, 65536);
}
