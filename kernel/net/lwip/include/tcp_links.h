/* SPDX-License-Identifier: BSD-3-Clause */
/* What we keep in lwIP's TCP control blocks: patches put these structs there, so that no list has to be walked. */
#pragma once

#include <base/list.h>
#include <base/rbtree.h>
#include <base/types.h>

struct tcp_pcb;
struct tcp_seg;

/** Of every control block (tcp_table.c). */
struct tcp_links {
	struct tcp_pcb **previous; /* what points to it in its list (`next`) */
	struct tcp_pcb *hash_next; /* by port: listening and bound; by both addresses: the others */
	struct tcp_pcb **hash_previous;
};

/** Of connections. Ticks are of tcp_ticks. */
struct tcp_state_links {
	struct rb_node timer;   /* by due; while `timed` */
	uint32_t due;           /* tick */
	uint32_t synced;        /* tick that rtime is of */
	uint32_t ack_due;       /* tick; while ack_delayed */
	uint32_t persist_since; /* tick; while persist_backoff */
	uint32_t stalled_since; /* tick since which lastack is stalled_at */
	uint32_t stalled_at;
	uint32_t user_timeout;                      /* ticks; 0: none */
	struct list_node touched;                   /* since the last tcp_flush() */
	struct tcp_seg *unsent_last, *unacked_last; /* where the queue is not empty */
	uint32_t recover;                           /* fast recovery ends with it acknowledged */
	uint32_t gone;        /* bytes of those sent that are not on their way any more */
	uint32_t stamped;     /* tick that ts_recent is of */
	uint32_t challenged;  /* tick of the last answer to a segment that did not count */
	uint16_t segment_max; /* payload that the interface takes at once */
	bool timed, counted, ack_delayed;
	bool corked, more; /* TCP_CORK, MSG_MORE */
	bool orphan;       /* closed by its owner */
	bool opening;      /* in SYN-RECEIVED */
	bool marked;       /* some segment is acknowledged selectively */
	bool measured;     /* a round trip was */
};
