/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One loop around poll(). A link is a connection from outside and the one to the machine that was made for it. A peer is who sent a
 * datagram; it has a socket towards the machine, so that answers find their way back.
 */
#include "forward.h"

#include "report.h"

#include <base/bits.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	LINKS_MAX = 1000, /* then no more are accepted until one ends */
	PEERS_MAX = 200,  /* then the one that was silent longest goes */
	OTHERS_MAX = 16,  /* descriptors beside theirs and the ports' */
	PIECE_BYTES = 32 * 1024,
	BACKLOG = 128,
	DATAGRAM_BYTES_MAX = 65536,
};

/* Bytes on their way from one side of a link to the other. */
struct way {
	char bytes[PIECE_BYTES];
	size_t begin, end;
	bool ended; /* no more come */
	bool told;  /* and the other side knows */
};

struct link {
	int fd[2];         /* outside, machine; not blocking */
	struct way way[2]; /* from fd[i] */
	bool connecting, broken;
};

struct peer {
	int fd; /* connected to the machine; not blocking */
	size_t port;
	struct sockaddr_in address;
	uint64_t used; /* the round in which it last sent */
};

struct loop {
	const struct forward *f;
	struct link **links;
	size_t link_count, links_max;
	struct peer peers[PEERS_MAX];
	size_t peer_count;
	struct pollfd *polled; /* alive, ports, two for each link, peers */
	uint64_t round;
};

/* --- connections --------------------------------------------------------------------------------- */

static int connect_machine(const struct loop *l, size_t port, int type)
{
	const struct network *n = l->f->network;
	const struct sockaddr_in machine = {
		.sin_family = AF_INET,
		.sin_addr = n->address,
		.sin_port = htons(n->published[port].guest_port),
	};
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && connect(fd, (const void *)&machine, sizeof machine) &&
	    errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

/* So that who is at the other end is told that something went wrong. */
static void close_by_reset(int fd)
{
	const struct linger at_once = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	close(fd);
}

static void accept_link(struct loop *l, size_t port)
{
	int outside = accept4(l->f->ports[port], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (outside < 0)
		return;
	int machine = connect_machine(l, port, SOCK_STREAM);
	struct link *link = machine < 0 ? NULL : malloc(sizeof *link);
	if (!link) {
		if (machine >= 0)
			close(machine);
		close_by_reset(outside);
		return;
	}
	link->fd[0] = outside;
	link->fd[1] = machine;
	for (size_t i = 0; i < countof(link->way); i++) {
		struct way *way = &link->way[i];

		way->begin = way->end = 0;
		way->ended = way->told = false;
	}
	link->connecting = true;
	link->broken = false;
	l->links[l->link_count++] = link;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void read_side(struct link *link, unsigned side)
{
	struct way *way = &link->way[side];
	ssize_t got = read(link->fd[side], way->bytes, sizeof way->bytes);

	if (got > 0) {
		way->begin = 0;
		way->end = (size_t)got;
	} else if (got == 0) {
		way->ended = true;
	} else {
		link->broken = !would_block();
	}
}

/* Writes what has come from the other side, and then its end. */
static void write_side(struct link *link, unsigned side)
{
	struct way *way = &link->way[!side];

	if (way->begin < way->end) {
		ssize_t sent = send(link->fd[side], way->bytes + way->begin, way->end - way->begin,
				    MSG_NOSIGNAL);

		if (sent < 0)
			link->broken = !would_block();
		else
			way->begin += (size_t)sent;
	}
	if (way->begin == way->end && way->ended && !way->told) {
		shutdown(link->fd[side], SHUT_WR);
		way->told = true;
	}
}

static void finish_connect(struct link *link)
{
	socklen_t bytes = sizeof(int);
	int err = 0;

	getsockopt(link->fd[1], SOL_SOCKET, SO_ERROR, &err, &bytes);
	link->connecting = false;
	link->broken = err;
}

static short wanted_events(const struct link *link, unsigned side)
{
	const struct way *from = &link->way[side], *to = &link->way[!side];
	short events = 0;

	if (link->connecting)
		return side == 1 ? POLLOUT : 0;
	if (!from->ended && from->begin == from->end)
		events |= POLLIN;
	if (to->begin < to->end || (to->ended && !to->told))
		events |= POLLOUT;
	return events;
}

/* One side that has nothing to do but has failed shows POLLERR or POLLHUP. */
static void serve_link(struct link *link, const struct pollfd polled[2])
{
	if (link->connecting && polled[1].revents)
		finish_connect(link);
	if (polled[0].revents & POLLERR)
		link->broken = true;
	for (unsigned side = 0; side < 2 && !link->connecting && !link->broken; side++) {
		if (polled[side].events & POLLIN && polled[side].revents)
			read_side(link, side);
		if (!link->broken && link->way[side].begin < link->way[side].end)
			write_side(link, !side);
		if (!link->broken && polled[side].revents & POLLOUT)
			write_side(link, side);
		if (!link->broken && polled[side].revents & POLLERR)
			link->broken = true;
	}
}

static bool link_is_over(const struct link *link)
{
	return link->broken || (link->way[0].told && link->way[1].told);
}

static void end_link(struct link *link)
{
	for (size_t i = 0; i < countof(link->fd); i++) {
		if (link->broken)
			close_by_reset(link->fd[i]);
		else
			close(link->fd[i]);
	}
	free(link);
}

/* --- datagrams ----------------------------------------------------------------------------------- */

static void end_peer(struct loop *l, size_t index)
{
	close(l->peers[index].fd);
	l->peers[index] = l->peers[--l->peer_count];
}

static struct peer *find_peer(struct loop *l, size_t port, const struct sockaddr_in *address)
{
	size_t oldest = 0;

	for (size_t i = 0; i < l->peer_count; i++) {
		struct peer *p = &l->peers[i];

		if (p->port == port && p->address.sin_port == address->sin_port &&
		    p->address.sin_addr.s_addr == address->sin_addr.s_addr)
			return p;
		if (p->used < l->peers[oldest].used)
			oldest = i;
	}
	if (l->peer_count == PEERS_MAX)
		end_peer(l, oldest);
	int fd = connect_machine(l, port, SOCK_DGRAM);
	if (fd < 0)
		return NULL;
	l->peers[l->peer_count] = (struct peer){ .fd = fd, .port = port, .address = *address };
	return &l->peers[l->peer_count++];
}

static void take_datagram(struct loop *l, size_t port)
{
	static char bytes[DATAGRAM_BYTES_MAX];
	struct sockaddr_in from;
	socklen_t room = sizeof from;
	ssize_t got = recvfrom(l->f->ports[port], bytes, sizeof bytes, MSG_DONTWAIT,
			       (struct sockaddr *)&from, &room);
	struct peer *p = got < 0 ? NULL : find_peer(l, port, &from);

	if (!p)
		return;
	p->used = l->round;
	/* Lost datagrams are what UDP is about. */
	(void)!send(p->fd, bytes, (size_t)got, 0);
}

static void return_datagram(struct loop *l, const struct peer *p)
{
	static char bytes[DATAGRAM_BYTES_MAX];
	ssize_t got = recv(p->fd, bytes, sizeof bytes, 0);

	if (got >= 0)
		(void)!sendto(l->f->ports[p->port], bytes, (size_t)got, MSG_DONTWAIT,
			      (const struct sockaddr *)&p->address, sizeof p->address);
}

/* --- the loop ------------------------------------------------------------------------------------ */

static nfds_t fill_polled(struct loop *l)
{
	const struct network *n = l->f->network;
	nfds_t count = 0;

	l->polled[count++] = (struct pollfd){ .fd = l->f->alive_fd, .events = POLLIN };
	for (size_t i = 0; i < n->published_count; i++) {
		bool full = !n->published[i].udp && l->link_count == l->links_max;

		l->polled[count++] = (struct pollfd){ .fd = full ? -1 : l->f->ports[i],
						      .events = POLLIN };
	}
	for (size_t i = 0; i < l->link_count; i++) {
		for (unsigned side = 0; side < 2; side++) {
			short events = wanted_events(l->links[i], side);

			/* A side that waits for nothing would say POLLHUP over and over. */
			l->polled[count++] = (struct pollfd){
				.fd = events ? l->links[i]->fd[side] : -1,
				.events = events,
			};
		}
	}
	for (size_t i = 0; i < l->peer_count; i++)
		l->polled[count++] = (struct pollfd){ .fd = l->peers[i].fd, .events = POLLIN };
	return count;
}

static void serve_links(struct loop *l, const struct pollfd *polled)
{
	size_t kept = 0, count = l->link_count;

	for (size_t i = 0; i < count; i++) {
		struct link *link = l->links[i];

		serve_link(link, &polled[2 * i]);
		if (link_is_over(link))
			end_link(link);
		else
			l->links[kept++] = link;
	}
	l->link_count = kept;
}

static void serve(struct loop *l)
{
	size_t ports = l->f->network->published_count;
	const struct pollfd *of_ports = l->polled + 1, *of_links = of_ports + ports;
	const struct pollfd *of_peers = of_links + 2 * l->link_count;

	for (size_t i = 0; i < l->peer_count; i++) {
		if (of_peers[i].revents)
			return_datagram(l, &l->peers[i]);
	}
	serve_links(l, of_links);
	for (size_t i = 0; i < ports; i++) {
		if (!of_ports[i].revents)
			continue;
		if (l->f->network->published[i].udp)
			take_datagram(l, i);
		else if (l->link_count < l->links_max)
			accept_link(l, i);
	}
}

/* How many links the limit of descriptors leaves room for, once it is as high as it may be: one that could be accepted but not
 * handed on would be lost, and one that could not even be accepted would be tried again without end. */
static size_t find_links_max(size_t ports)
{
	const rlim_t others = OTHERS_MAX + ports + PEERS_MAX;
	const rlim_t wanted = others + 2 * (rlim_t)LINKS_MAX;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= wanted)
		return LINKS_MAX;
	limit.rlim_cur = min(wanted, limit.rlim_max);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		getrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_cur > others + 2 ? (limit.rlim_cur - others) / 2 : 1;
}

void forward_run(const struct forward *f)
{
	struct loop l = { .f = f };
	size_t ports = f->network->published_count;

	l.links_max = find_links_max(ports);
	l.links = calloc(l.links_max, sizeof(struct link *));
	l.polled = calloc(1 + ports + 2 * l.links_max + PEERS_MAX, sizeof *l.polled);
	if (!l.links || !l.polled)
		report_out_of_memory();
	for (size_t i = 0; i < ports; i++) {
		fcntl(f->ports[i], F_SETFL, O_NONBLOCK);
		if (!f->network->published[i].udp)
			listen(f->ports[i], BACKLOG);
	}
	while (true) {
		nfds_t count = fill_polled(&l);

		l.round++;
		if (poll(l.polled, count, -1) < 0)
			continue;
		if (l.polled[0].revents)
			break;
		serve(&l);
	}
	while (l.link_count)
		end_link(l.links[--l.link_count]);
	while (l.peer_count)
		end_peer(&l, 0);
	free(l.links);
	free(l.polled);
}
