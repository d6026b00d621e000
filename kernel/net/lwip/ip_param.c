/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `ip=` as Linux has it (Documentation/admin-guide/nfs/nfsroot.rst):
 *
 *	ip=<client>:<server>:<gateway>:<netmask>:<hostname>:<device>:<autoconf>:<dns0>:<dns1>:<ntp0>
 *	ip=dhcp, ip=on, ip=any, ip=off, ip=none
 *
 * and as dracut extends it: `ip=<device>:dhcp`, a prefix length for the netmask, IPv6 addresses in brackets.
 */
#include "config.h"

#include <base/string.h>

enum { FIELDS_MAX = 10 };
enum { CLIENT, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, AUTOCONF, DNS0, DNS1 };

struct field {
	const char *text;
	size_t length;
};

/* Splits at colons outside of brackets; false: too many fields. */
static bool split(const char *text, struct field *fields, unsigned *count)
{
	bool inside = false;

	*count = 0;
	fields[0] = (struct field){ .text = text };
	for (;; text++) {
		if (*text == '[' || *text == ']')
			inside = *text == '[';
		if (*text && (*text != ':' || inside))
			continue;
		fields[*count].length = (size_t)(text - fields[*count].text);
		++*count;
		if (!*text)
			return true;
		if (*count == FIELDS_MAX)
			return false;
		fields[*count] = (struct field){ .text = text + 1 };
	}
}

static bool is(const struct field *field, const char *word)
{
	return field->length == strlen(word) && !strncmp(field->text, word, field->length);
}

static bool read_method(const struct field *field, enum ip_method *out)
{
	if (is(field, "dhcp") || is(field, "on") || is(field, "any") || is(field, "both") ||
	    is(field, "dhcp6") || is(field, "auto6") || is(field, "bootp"))
		*out = IP_DHCP;
	else if (is(field, "off"))
		*out = IP_OFF;
	else if (is(field, "none") || is(field, "static"))
		*out = IP_STATIC;
	else
		return false;
	return true;
}

static bool read_decimal(const char **at, const char *end, unsigned most, unsigned *out)
{
	const char *start = *at;

	for (*out = 0; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		*out = *out * 10 + (unsigned)(**at - '0');
		if (*out > most)
			return false;
	}
	return *at > start;
}

static bool read_ip4(const char *at, const char *end, uint8_t *out)
{
	for (int i = 0; i < 4; i++) {
		unsigned value;

		if ((i && (at == end || *at++ != '.')) || !read_decimal(&at, end, 255, &value))
			return false;
		out[i] = (uint8_t)value;
	}
	return at == end;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_group(const char **at, const char *end, unsigned *out)
{
	int digits = 0;

	for (*out = 0; *at < end && hex_digit(**at) >= 0; ++*at, digits++)
		*out = *out << 4 | (unsigned)hex_digit(**at);
	return digits >= 1 && digits <= 4;
}

/* RFC 4291, 2.2. */
static bool read_ip6(const char *at, const char *end, uint8_t *out)
{
	int count = 0, gap = -1;

	memset(out, 0, 16);
	if (end - at >= 2 && at[0] == ':' && at[1] == ':') {
		gap = 0;
		at += 2;
	}
	while (at < end && count < 8) {
		const char *start = at;
		unsigned group;

		if (!read_group(&at, end, &group))
			return false;
		if (at < end && *at == '.') {
			if (count > 6 || !read_ip4(start, end, out + 2 * count))
				return false;
			count += 2;
			at = end;
			break;
		}
		out[2 * count] = (uint8_t)(group >> 8);
		out[2 * count++ + 1] = (uint8_t)group;
		if (at == end)
			break;
		if (*at++ != ':' || at == end)
			return false;
		if (*at == ':') {
			if (gap >= 0)
				return false;
			gap = count;
			at++;
		}
	}
	if (at != end || (gap < 0) != (count == 8))
		return false;
	if (gap >= 0) {
		memmove(out + 16 - 2 * (count - gap), out + 2 * gap, (size_t)(2 * (count - gap)));
		memset(out + 2 * gap, 0, (size_t)(2 * (8 - count)));
	}
	return true;
}

bool ip_address_parse(const char *text, size_t length, struct ip_address *out)
{
	memset(out, 0, sizeof *out);
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		out->family = AF_INET6;
		return read_ip6(text + 1, text + length - 1, out->bytes);
	}
	if (memchr(text, ':', length)) {
		out->family = AF_INET6;
		return read_ip6(text, text + length, out->bytes);
	}
	out->family = AF_INET;
	return read_ip4(text, text + length, out->bytes);
}

static bool optional_address(const struct field *field, struct ip_address *out)
{
	out->family = AF_UNSPEC;
	return !field->length || ip_address_parse(field->text, field->length, out);
}

/* The prefix of classes, where none is given. */
static uint8_t default_prefix(const struct ip_address *address)
{
	if (address->family == AF_INET6)
		return 64;
	if (address->bytes[0] < 128)
		return 8;
	return address->bytes[0] < 192 ? 16 : 24;
}

static bool read_prefix(const struct field *field, const struct ip_address *client, uint8_t *out)
{
	const char *at = field->text;
	struct ip_address mask;
	unsigned bits;
	uint32_t word;

	*out = default_prefix(client);
	if (!field->length)
		return true;
	if (read_decimal(&at, field->text + field->length, 128, &bits) &&
	    at == field->text + field->length) {
		*out = (uint8_t)bits;
		return bits <= (client->family == AF_INET6 ? 128u : 32u);
	}
	if (!ip_address_parse(field->text, field->length, &mask) || mask.family != AF_INET)
		return false;
	memcpy(&word, mask.bytes, sizeof word);
	*out = prefix_of_mask(word);
	word = ~lwip_htonl(word);
	return !(word & (word + 1)); /* ones, then zeros */
}

static bool copy_text(const struct field *field, char *out, size_t size)
{
	if (field->length >= size)
		return false;
	memcpy(out, field->text, field->length);
	out[field->length] = '\0';
	return true;
}

static bool read_fields(const struct field *fields, struct ip_setup *out)
{
	if (!optional_address(&fields[CLIENT], &out->client) ||
	    !optional_address(&fields[GATEWAY], &out->gateway) ||
	    !optional_address(&fields[DNS0], &out->servers[0]) ||
	    !optional_address(&fields[DNS1], &out->servers[1]) ||
	    !read_prefix(&fields[NETMASK], &out->client, &out->prefix) ||
	    !copy_text(&fields[HOSTNAME], out->hostname, sizeof out->hostname) ||
	    !copy_text(&fields[DEVICE], out->device, sizeof out->device))
		return false;
	if (fields[AUTOCONF].length && !read_method(&fields[AUTOCONF], &out->method))
		return false;
	/* What is given by hand needs no asking; with nothing given, something is to be asked. */
	if (out->client.family != AF_UNSPEC)
		out->method = IP_STATIC;
	else if (!fields[AUTOCONF].length)
		out->method = IP_DHCP;
	else if (out->method == IP_STATIC)
		out->method = IP_OFF;
	return true;
}

bool ip_setup_parse(const char *text, struct ip_setup *out)
{
	struct field fields[FIELDS_MAX] = { 0 };
	unsigned count;

	memset(out, 0, sizeof *out);
	for (unsigned i = 0; i < FIELDS_MAX; i++)
		fields[i].text = text;
	if (!split(text, fields, &count))
		return false;
	if (count == 1 && read_method(&fields[0], &out->method)) {
		if (out->method == IP_STATIC)
			out->method = IP_OFF;
		return true;
	}
	if (count >= 2 && read_method(&fields[1], &out->method) && out->method != IP_STATIC)
		return fields[0].length && copy_text(&fields[0], out->device, sizeof out->device);
	return read_fields(fields, out);
}
