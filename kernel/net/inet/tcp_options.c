/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of IPPROTO_TCP that are more than a number for the stack (tcp(7)). */
#include "inet.h"
#include "options.h"

#include <base/errno.h>
#include <base/string.h>

enum { CONGESTION_NAME_BYTES = 16 };
static const char congestion[CONGESTION_NAME_BYTES] = "reno";

/* Linux's struct tcp_info up to where programs look; what is not known is 0. */
struct tcp_info {
	uint8_t state, ca_state, retransmits, probes, backoff, options, scales, flags;
	uint32_t rto_us, ato_us, snd_mss, rcv_mss;
	uint32_t unacked, sacked, lost, retrans, fackets;
	uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
	uint32_t pmtu, rcv_ssthresh, rtt_us, rttvar_us, snd_ssthresh, snd_cwnd, advmss, reordering;
	uint32_t rcv_rtt, rcv_space;
	uint32_t total_retrans;
	uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
	uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
	uint64_t delivery_rate;
};
_Static_assert(__builtin_offsetof(struct tcp_info, rtt_us) == 68, "Linux's struct tcp_info");
_Static_assert(__builtin_offsetof(struct tcp_info, total_retrans) == 100, "Linux's tcp_info");
_Static_assert(sizeof(struct tcp_info) == 168, "Linux's struct tcp_info, as of 4.10");

enum { TCPI_OPT_TIMESTAMPS = 1, TCPI_OPT_SACK = 2, TCPI_OPT_WSCALE = 4 };

static int set_congestion(const void *value, uint32_t bytes)
{
	char name[CONGESTION_NAME_BYTES] = { 0 };

	if (bytes < 1)
		return -EINVAL;
	memcpy(name, value, min(bytes, (uint32_t)sizeof name - 1));
	/* The only one there is; the one that Linux has by default is asked for as "the usual". */
	return strcmp(name, congestion) && strcmp(name, "cubic") ? -ENOENT : 0;
}

int inet_set_tcp_option(struct inet *inet, int name, const void *value, uint32_t bytes)
{
	int number, error;

	if (name == TCP_CONGESTION)
		return set_congestion(value, bytes);
	error = socket_option_int(value, bytes, &number);
	if (error)
		return error;
	switch (name) {
	case TCP_SYNCNT:
		return number < 1 || number > 127 ? -EINVAL : 0;
	case TCP_FASTOPEN:
		/* Data in a SYN is an offer: clients that are not offered it send it later. */
		return number < 0 || inet->state == INET_CONNECTED ? -EINVAL : 0;
	case TCP_WINDOW_CLAMP:
	case TCP_LINGER2:
	case TCP_NOTSENT_LOWAT:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:
		return 0; /* advice that changes nothing that can be seen */
	default:
		return -ENOPROTOOPT;
	}
}

static int get_info(struct inet *inet, void *value, uint32_t *bytes)
{
	struct stack_tcp_info now;
	struct tcp_info info = { 0 };
	int error;

	mutex_lock(&net_mutex);
	error = stack_tcp_info(inet->endpoint, &now);
	mutex_unlock(&net_mutex);
	if (error)
		return error;
	info.state = now.state;
	info.options = (uint8_t)((now.timestamps ? TCPI_OPT_TIMESTAMPS : 0) |
				 (now.sack ? TCPI_OPT_SACK : 0) |
				 (now.scaling ? TCPI_OPT_WSCALE : 0));
	info.scales = (uint8_t)((now.send_scale & 15) | now.receive_scale << 4);
	info.retransmits = (uint8_t)now.retransmits;
	info.rto_us = now.retransmit_timeout_us;
	info.rtt_us = now.rtt_us;
	info.rttvar_us = now.rtt_variance_us;
	info.snd_mss = info.advmss = now.send_mss;
	info.rcv_mss = now.receive_mss;
	info.snd_cwnd = now.send_mss ? now.congestion_window / now.send_mss : 0;
	info.snd_ssthresh = now.send_mss ? now.slow_start_threshold / now.send_mss : 0;
	info.unacked = now.send_mss ? (now.unacknowledged + now.send_mss - 1) / now.send_mss : 0;
	return socket_option_put(value, bytes, &info, sizeof info);
}

int inet_get_tcp_option(struct inet *inet, int name, void *value, uint32_t *bytes)
{
	int number;

	switch (name) {
	case TCP_INFO:
		return get_info(inet, value, bytes);
	case TCP_CONGESTION:
		return socket_option_put(value, bytes, congestion, sizeof congestion);
	case TCP_SYNCNT:
		number = 6;
		break;
	case TCP_LINGER2:
		number = 60;
		break;
	case TCP_FASTOPEN:
	case TCP_WINDOW_CLAMP:
	case TCP_NOTSENT_LOWAT:
	case TCP_THIN_LINEAR_TIMEOUTS:
	case TCP_THIN_DUPACK:
		number = 0;
		break;
	default:
		return -ENOPROTOOPT;
	}
	return socket_option_put(value, bytes, &number, sizeof number);
}
