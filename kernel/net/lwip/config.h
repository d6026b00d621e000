/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ip=` on the kernel's command line says. */
#pragma once

#include "internal.h"

enum { HOSTNAME_BYTES = 64 };

enum ip_method { IP_STATIC, IP_DHCP, IP_OFF };

struct ip_setup {
	enum ip_method method;
	struct ip_address client, gateway, servers[2]; /* AF_UNSPEC: not given */
	uint8_t prefix;
	char hostname[HOSTNAME_BYTES];
	char device[INTERFACE_NAME_BYTES]; /* "": any */
};

/** Reads the value of one `ip=`; false: it makes no sense. */
bool must_check ip_setup_parse(const char *text, struct ip_setup *out);

/** Reads an IPv4 or IPv6 address of `length` characters, the latter perhaps in brackets. */
bool must_check ip_address_parse(const char *text, size_t length, struct ip_address *out);
