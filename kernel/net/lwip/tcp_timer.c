/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TCP's timers, in place of lwIP's tcp_slowtmr() and tcp_fasttmr(), which walk all connections. A connection for which something has to
 * happen at some time is in a tree by that time. It may be there too early: then it is put where it belongs when that time comes, so
 * that traffic does not move it about. lwIP's own counters run in ticks of 10 ms.
 *
 * RFC 9293, 6298 (but for a least time-out of 200 ms, as everybody has it), 1122 (4.2.3).
 */
#include "internal.h"

#include <base/errno.h>
#include <base/rbtree.h>

#include <hooks.h>

enum {
	TICKS = 100, /* a second */
	RTO_MIN = TICKS / 5,
	RTO_MAX = 120 * TICKS,
	ACK_DELAY = TICKS / 25,
	HOLD_BACK = TICKS / 5, /* a segment that is not full, with MSG_MORE or TCP_CORK */
	FIN_WAIT = 60 * TICKS,
	SYN_RECEIVED = 30 * TICKS,
	PERSIST_FIRST = TICKS / 2,
	PERSIST_MAX = 60 * TICKS,
	OUT_OF_ORDER = 6, /* time-outs */
	BACKOFF_MAX = 10,
	ROUND_TRIP_MAX = 30 * TICKS,
};

/* One TCP in the machine. */
static struct {
	struct rb_tree tree;      /* tcp_pcb.ext.timer, by due */
	struct list_node touched; /* tcp_pcb.ext.touched */
} timers = { .touched = { &timers.touched, &timers.touched } };

static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

static struct tcp_pcb *pcb_of(struct rb_node *node)
{
	return container_of(node, struct tcp_pcb, ext.timer);
}

/** lwIP's, when a control block is registered: see tcp_register(). */
void tcp_timer_needed(void)
{
}

void tcp_timer_remove(struct tcp_pcb *pcb)
{
	if (pcb->ext.timed)
		rb_remove(&timers.tree, &pcb->ext.timer);
	pcb->ext.timed = false;
}

static void insert(struct tcp_pcb *pcb, uint32_t due)
{
	struct rb_node **at = &timers.tree.root, *parent = NULL;

	while (*at) {
		parent = *at;
		at = before(due, pcb_of(parent)->ext.due) ? &parent->left : &parent->right;
	}
	pcb->ext.due = due;
	pcb->ext.timed = true;
	rb_insert(&timers.tree, &pcb->ext.timer, parent, at);
}

/* Lets lwIP's counters catch up with the clock: before it starts or stops one. */
static void sync_counters(struct tcp_pcb *pcb)
{
	uint32_t passed = tcp_ticks - pcb->ext.synced;

	pcb->ext.synced = tcp_ticks;
	if (pcb->rtime >= 0)
		pcb->rtime = (int16_t)min((uint32_t)pcb->rtime + passed, (uint32_t)INT16_MAX);
}

static uint32_t timeout_of(const struct tcp_pcb *pcb)
{
	return (uint32_t)max((int)pcb->rto, (int)RTO_MIN);
}

static uint32_t persist_wait(const struct tcp_pcb *pcb)
{
	return min((uint32_t)PERSIST_FIRST << min((int)pcb->persist_backoff, (int)BACKOFF_MAX),
		   (uint32_t)PERSIST_MAX);
}

/* The earliest of what is to be done. */
struct earliest {
	uint32_t tick;
	bool any;
};

static void consider(struct earliest *earliest, uint32_t tick)
{
	if (!earliest->any || before(tick, earliest->tick))
		earliest->tick = tick;
	earliest->any = true;
}

static uint32_t keepalive_due(const struct tcp_pcb *pcb)
{
	return pcb->tmr +
	       (uint32_t)(((uint64_t)pcb->keep_idle +
			   (uint64_t)pcb->keep_cnt_sent * pcb->keep_intvl) /
			  (1000 / TICKS)) +
	       1;
}

static bool has_keepalive(const struct tcp_pcb *pcb)
{
	return ip_get_option(pcb, SOF_KEEPALIVE) &&
	       (pcb->state == ESTABLISHED || pcb->state == CLOSE_WAIT);
}

/* How long it may stay in a state that the other end has to end; 0: for ever. */
static uint32_t state_limit(const struct tcp_pcb *pcb)
{
	switch (pcb->state) {
	case SYN_RCVD:
		return SYN_RECEIVED;
	case FIN_WAIT_2:
		return pcb->flags & TF_RXCLOSED ? FIN_WAIT : 0;
	case TIME_WAIT:
		return 2 * TCP_MSL / (1000 / TICKS);
	default:
		return 0;
	}
}

static void consider_sending(const struct tcp_pcb *pcb, struct earliest *earliest)
{
	if (pcb->persist_backoff)
		consider(earliest, pcb->ext.persist_since + persist_wait(pcb));
	else if (pcb->rtime >= 0)
		consider(earliest,
			 tcp_ticks + timeout_of(pcb) - min((uint32_t)pcb->rtime, timeout_of(pcb)));
	else if (pcb->unsent || pcb->flags & TF_CLOSEPEND)
		consider(earliest, tcp_ticks + HOLD_BACK);
	if (pcb->ext.user_timeout && (pcb->unacked || pcb->unsent))
		consider(earliest, pcb->ext.stalled_since + pcb->ext.user_timeout);
}

static struct earliest due_of(const struct tcp_pcb *pcb)
{
	struct earliest earliest = { 0 };

	if (pcb->state != TIME_WAIT)
		consider_sending(pcb, &earliest);
	if (state_limit(pcb))
		consider(&earliest, pcb->tmr + state_limit(pcb));
	if (has_keepalive(pcb))
		consider(&earliest, keepalive_due(pcb));
	if (pcb->ooseq)
		consider(&earliest, pcb->tmr + timeout_of(pcb) * OUT_OF_ORDER);
	if (pcb->ext.ack_delayed)
		consider(&earliest, pcb->ext.ack_due);
	return earliest;
}

/* Notes when what lwIP has started since began. */
static void note_starts(struct tcp_pcb *pcb)
{
	bool delayed = pcb->flags & TF_ACK_DELAY;

	if (delayed && !pcb->ext.ack_delayed)
		pcb->ext.ack_due = tcp_ticks + ACK_DELAY;
	pcb->ext.ack_delayed = delayed;
	if (pcb->persist_backoff && !pcb->persist_cnt) {
		pcb->persist_cnt = 1;
		pcb->ext.persist_since = tcp_ticks;
	}
	if (pcb->lastack != pcb->ext.stalled_at || (!pcb->unacked && !pcb->unsent)) {
		pcb->ext.stalled_at = pcb->lastack;
		pcb->ext.stalled_since = tcp_ticks;
	}
}

void tcp_timer_set(struct tcp_pcb *pcb)
{
	struct earliest due;

	note_starts(pcb);
	due = due_of(pcb);
	if (due.any && !before(tcp_ticks, due.tick))
		due.tick = tcp_ticks + 1;
	if (!due.any || (pcb->ext.timed && !before(due.tick, pcb->ext.due)))
		return;
	tcp_timer_remove(pcb);
	insert(pcb, due.tick);
}

/* What has come about in a round */

void tcp_touch(struct tcp_pcb *pcb)
{
	sync_counters(pcb);
	if (!list_linked(&pcb->ext.touched))
		list_insert_before(&timers.touched, &pcb->ext.touched);
}

void tcp_flush(void)
{
	struct list_node *node;

	while ((node = list_pop_front(&timers.touched)) != NULL) {
		struct tcp_pcb *pcb = list_entry(node, struct tcp_pcb, ext.touched);

		sync_counters(pcb);
		if (pcb->unsent || pcb->flags & TF_ACK_NOW)
			tcp_output(pcb);
		tcp_timer_set(pcb);
		if (pcb->state == TIME_WAIT)
			tcp_detach(pcb, 0);
	}
}

void tcp_resend(void)
{
	for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb; pcb = pcb->next) {
		if (pcb->flags & TF_NAGLEMEMERR)
			tcp_touch(pcb);
	}
}

/* What is due. Each returns false when the connection is gone. */

static bool give_up(struct tcp_pcb *pcb, bool reset)
{
	tcp_detach(pcb, pcb->state == TIME_WAIT ? 0 : ETIMEDOUT);
	tcp_abandon(pcb, reset);
	return false;
}

static bool time_is_up(const struct tcp_pcb *pcb)
{
	return pcb->ext.user_timeout && (pcb->unacked || pcb->unsent) &&
	       tcp_ticks - pcb->ext.stalled_since >= pcb->ext.user_timeout;
}

static bool persist(struct tcp_pcb *pcb)
{
	if (before(tcp_ticks, pcb->ext.persist_since + persist_wait(pcb)))
		return true;
	if (!pcb->unsent) {
		pcb->persist_backoff = 0;
		return true;
	}
	if (pcb->persist_probe >= TCP_MAXRTX && pcb->ext.orphan)
		return give_up(pcb, false);
	if (!pcb->snd_wnd)
		(void)tcp_zero_window_probe(pcb);
	else if (tcp_split_segment(pcb, pcb->unsent, (uint16_t)min(pcb->snd_wnd, 0xffffu)) ==
		 ERR_OK)
		tcp_output(pcb);
	if (pcb->persist_backoff && pcb->persist_backoff < BACKOFF_MAX)
		pcb->persist_backoff++;
	pcb->ext.persist_since = tcp_ticks;
	return true;
}

static void reduce_window(struct tcp_pcb *pcb)
{
	uint32_t in_flight = min(pcb->cwnd, pcb->snd_wnd);

	pcb->ssthresh = max(in_flight / 2, 2u * pcb->mss);
	pcb->cwnd = pcb->mss;
	pcb->bytes_acked = 0;
	pcb->dupacks = 0;
	tcp_clear_flags(pcb, TF_INFR);
}

/** lwIP's: a round trip took so many ticks (RFC 6298, 2). lwIP's averages are scaled by 8 and 4. */
void tcp_round_trip(struct tcp_pcb *pcb, uint32_t ticks)
{
	int measured = (int)min(ticks, (uint32_t)ROUND_TRIP_MAX), deviation;

	if (!pcb->ext.measured) {
		pcb->sa = (int16_t)(measured * 8);
		pcb->sv = (int16_t)(measured * 2);
	} else {
		measured -= pcb->sa >> 3;
		pcb->sa = (int16_t)(pcb->sa + measured);
		deviation = (measured < 0 ? -measured : measured) - (pcb->sv >> 2);
		pcb->sv = (int16_t)(pcb->sv + deviation);
	}
	pcb->ext.measured = true;
	pcb->rto = (int16_t)((pcb->sa >> 3) + pcb->sv);
}

static bool retransmit(struct tcp_pcb *pcb)
{
	unsigned most = pcb->state == SYN_SENT || pcb->state == SYN_RCVD ? TCP_SYNMAXRTX
									 : TCP_MAXRTX;
	int base = max((pcb->sa >> 3) + pcb->sv, (int)RTO_MIN);

	if (pcb->rtime < 0 || (uint32_t)pcb->rtime < timeout_of(pcb))
		return true;
	if (pcb->nrtx >= most)
		return give_up(pcb, false);
	pcb->rtime = 0;
	/* On a silent link nothing else takes back what was sent, and lwIP resends nothing that the device has. */
	stack_reclaim();
	if (!tcp_requeue_all(pcb))
		return true;
	pcb->rto = (int16_t)min(base << min((int)pcb->nrtx + 1, (int)BACKOFF_MAX), (int)RTO_MAX);
	reduce_window(pcb);
	tcp_rexmit_rto_commit(pcb);
	return true;
}

static bool keepalive(struct tcp_pcb *pcb)
{
	if (before(tcp_ticks, keepalive_due(pcb)))
		return true;
	if (pcb->keep_cnt_sent >= pcb->keep_cnt)
		return give_up(pcb, true);
	(void)tcp_keepalive(pcb);
	pcb->keep_cnt_sent++;
	return true;
}

static void acknowledge(struct tcp_pcb *pcb)
{
	if (!(pcb->flags & TF_ACK_DELAY) || before(tcp_ticks, pcb->ext.ack_due))
		return;
	tcp_ack_now(pcb);
	tcp_output(pcb);
	tcp_clear_flags(pcb, TF_ACK_DELAY | TF_ACK_NOW);
}

/* What was held back goes, full or not. */
static void push(struct tcp_pcb *pcb)
{
	bool more = pcb->ext.more, corked = pcb->ext.corked;

	if (pcb->flags & TF_CLOSEPEND) {
		tcp_clear_flags(pcb, TF_CLOSEPEND);
		(void)tcp_shutdown(pcb, 0, 1);
	}
	if (!pcb->unsent || pcb->persist_backoff || pcb->rtime >= 0)
		return;
	pcb->ext.more = pcb->ext.corked = false;
	tcp_output(pcb);
	pcb->ext.more = more;
	pcb->ext.corked = corked;
}

static void run(struct tcp_pcb *pcb)
{
	sync_counters(pcb);
	if (state_limit(pcb) && tcp_ticks - pcb->tmr >= state_limit(pcb)) {
		give_up(pcb, false);
		return;
	}
	if (pcb->state == TIME_WAIT) {
		tcp_timer_set(pcb);
		return;
	}
	if (time_is_up(pcb)) {
		give_up(pcb, false);
		return;
	}
	if (!(pcb->persist_backoff ? persist(pcb) : retransmit(pcb)))
		return;
	if (has_keepalive(pcb) && !keepalive(pcb))
		return;
	if (pcb->ooseq && tcp_ticks - pcb->tmr >= timeout_of(pcb) * OUT_OF_ORDER)
		tcp_free_ooseq(pcb);
	acknowledge(pcb);
	push(pcb);
	tcp_timer_set(pcb);
}

bool tcp_timers_next(uint32_t *next)
{
	struct rb_node *first = rb_first(&timers.tree);

	if (first)
		*next = pcb_of(first)->ext.due;
	return first;
}

void tcp_timers_run(void)
{
	uint32_t due;

	while (tcp_timers_next(&due) && !before(tcp_ticks, due)) {
		struct tcp_pcb *pcb = pcb_of(rb_first(&timers.tree));

		tcp_timer_remove(pcb);
		run(pcb);
	}
}
