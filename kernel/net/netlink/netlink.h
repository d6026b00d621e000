/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of AF_NETLINK share (netlink(7), rtnetlink(7)). A request is answered at once, into the socket's queue of
 * datagrams; the order is that of the requests.
 */
#pragma once

#include <net/interface.h>
#include <net/socket.h>

enum { NETLINK_ROUTE = 0, SOL_NETLINK = 270 };

enum { NLMSG_ERROR = 2, NLMSG_DONE = 3, NLMSG_FIRST = 16 };
enum {
	NLM_F_REQUEST = 1,
	NLM_F_MULTI = 2,
	NLM_F_ACK = 4,
	NLM_F_ROOT = 0x100,
	NLM_F_MATCH = 0x200,
	NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH,
};
enum {
	RTM_NEWLINK = 16,
	RTM_GETLINK = 18,
	RTM_SETLINK,
	RTM_NEWADDR,
	RTM_DELADDR,
	RTM_GETADDR,
	RTM_NEWROUTE = 24,
	RTM_DELROUTE,
	RTM_GETROUTE,
};

struct nlmsghdr {
	uint32_t bytes;
	uint16_t type, flags;
	uint32_t sequence, pid;
};
_Static_assert(sizeof(struct nlmsghdr) == 16, "Linux's struct nlmsghdr");

struct nlattr {
	uint16_t bytes, type;
};
_Static_assert(sizeof(struct nlattr) == 4, "Linux's struct nlattr");

struct ifinfomsg {
	uint8_t family, pad;
	uint16_t type;
	int32_t index;
	uint32_t flags, change;
};
_Static_assert(sizeof(struct ifinfomsg) == 16, "Linux's struct ifinfomsg");

struct ifaddrmsg {
	uint8_t family, prefix, flags, scope;
	uint32_t index;
};
_Static_assert(sizeof(struct ifaddrmsg) == 8, "Linux's struct ifaddrmsg");

struct rtmsg {
	uint8_t family, destination_bits, source_bits, tos;
	uint8_t table, protocol, scope, type;
	uint32_t flags;
};
_Static_assert(sizeof(struct rtmsg) == 12, "Linux's struct rtmsg");

/** A request: its header was checked against what there is. */
struct netlink_request {
	struct nlmsghdr header;
	const uint8_t *body;
	size_t bytes;
};

/** Copies the fixed part of a request; -EINVAL: it is shorter. */
int must_check netlink_body(const struct netlink_request *request, void *out, size_t bytes);

/** The data of the last attribute of a type, behind a fixed part of so many bytes: true where there are at least `least`
 * bytes of it. */
bool netlink_attribute(const struct netlink_request *request, size_t fixed, unsigned type,
		       size_t least, struct nlattr *header, const uint8_t **data);

/** Answers that are being put together; a datagram is queued whenever one is full. */
struct netlink_answer {
	struct socket *socket;
	const struct netlink_request *request;
	uint32_t pid;   /* of the asking socket */
	uint8_t *data;  /* [owned] */
	size_t bytes;   /* of whole messages */
	size_t message; /* bytes of the message that was begun */
	int error;      /* the first */
};

/** Begins a message with a fixed part; what follows is added by netlink_put(). */
void netlink_begin(struct netlink_answer *answer, unsigned type, unsigned flags, const void *body,
		   size_t bytes);
void netlink_put(struct netlink_answer *answer, unsigned type, const void *data, size_t bytes);
void netlink_put_number(struct netlink_answer *answer, unsigned type, uint32_t number);
void netlink_end(struct netlink_answer *answer);

/** Answers a request of NETLINK_ROUTE; 0, or the error for the asker. */
int must_check route_answer(struct netlink_answer *answer);

/** Changes what it asks for: -EOPNOTSUPP: it asks for no change. */
int must_check route_change(const struct netlink_request *request);
