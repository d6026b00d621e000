/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether an IPv6 extension header, and each option in it, lies within the packet's first fragment (RFC 8200, 4): for a patch. */
#include "internal.h"

#include <hooks.h>
#include <lwip/ip6.h>

enum { UNIT = 8, PAD1 = 0 };

static bool options_fit(const uint8_t *header, size_t bytes)
{
	size_t at = 2;

	while (at < bytes) {
		if (header[at] == PAD1) {
			at++;
			continue;
		}
		if (at + 2 > bytes || at + 2 + header[at + 1] > bytes)
			return false;
		at += 2u + header[at + 1];
	}
	return true;
}

/** `p` starts at the header of that type; other types fit. */
bool ip6_extension_fits(uint8_t type, const struct pbuf *p)
{
	const uint8_t *header = p->payload;
	size_t bytes;

	if (type != IP6_NEXTH_HOPBYHOP && type != IP6_NEXTH_DESTOPTS && type != IP6_NEXTH_ROUTING &&
	    type != IP6_NEXTH_FRAGMENT)
		return true;
	if (p->len < UNIT)
		return false;
	if (type == IP6_NEXTH_FRAGMENT)
		return true;
	bytes = (1u + header[1]) * UNIT;
	if (bytes > p->len)
		return false;
	return type == IP6_NEXTH_ROUTING || options_fit(header, bytes);
}
