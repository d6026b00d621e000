/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of AML that tell when the machine was resumed, found by their ids without running anything (ACPI 6.5, 20.2; the layouts
 * are those of QEMU and Firecracker): where their memory is, and which event announces a change. Whatever a table says, only its
 * own bytes are looked at; what has another form than these is not found.
 */
#include "parse.h"

#include <base/bits.h>
#include <base/string.h>

enum {
	AML_ZERO = 0x00,
	AML_ONE = 0x01,
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_DUAL_NAME = 0x2e,
	AML_MULTI_NAME = 0x2f,
	AML_ADD = 0x72,
	AML_NOTIFY = 0x86,
	AML_EXT = 0x5b,
	AML_EXT_DEVICE = 0x82,

	TABLE_BYTES_MAX =
		64 << 10, /* a VMM's own tables are small, and what follows is not linear */
	SEGMENT_BYTES = 4,
	PATH_SEGMENTS_MAX = 8,

	RESOURCE_QWORD = 0x8a,
	RESOURCE_QWORD_BYTES = 0x2b,
	RESOURCE_QWORD_MINIMUM = 14,
	RESOURCE_DWORD = 0x87,
	RESOURCE_DWORD_BYTES = 0x17,
	RESOURCE_DWORD_MINIMUM = 10,
	RESOURCE_FIXED = 0x86,
	RESOURCE_FIXED_BYTES = 9,
	RESOURCE_INTERRUPT = 0x89,
	RESOURCE_INTERRUPT_BYTES = 6,
	INTERRUPT_EDGE = 1 << 1,
	INTERRUPT_LOW = 1 << 2,
};

/** Bytes of a table: [at, end). */
struct piece {
	uint32_t at, end;
};

static struct piece whole(const struct acpi_table *aml)
{
	return (struct piece){ ACPI_HEADER_BYTES, aml->length };
}

/** PkgLength at `at`, which counts itself: where the package ends, and where its contents begin. False: not within `in`. */
static bool read_package(const struct acpi_table *aml, struct piece in, uint32_t at,
			 struct piece *out)
{
	uint8_t lead = acpi_get8(aml, at), more = lead >> 6;
	uint32_t length = more ? lead & 0x0f : lead & 0x3f;

	for (unsigned i = 0; i < more; i++)
		length |= (uint32_t)acpi_get8(aml, at + 1 + i) << (4 + 8 * i);
	*out = (struct piece){ at + 1 + more, at + length };
	return length > more && at < in.end && length <= in.end - at;
}

/** Where these bytes are next; 0: nowhere. */
static uint32_t find_bytes(const struct acpi_table *aml, struct piece in, const void *bytes,
			   uint32_t count)
{
	uint8_t first = *(const uint8_t *)bytes;

	for (uint32_t at = in.at; at < in.end && count <= in.end - at; at++) {
		if (aml->bytes[at] == first && !memcmp(aml->bytes + at, bytes, count))
			return at;
	}
	return 0;
}

static bool get_integer(const struct acpi_table *aml, struct piece in, uint32_t *at, uint64_t *out)
{
	uint32_t bytes;

	switch (acpi_get8(aml, *at)) {
	case AML_ZERO:
	case AML_ONE:
		*out = acpi_get8(aml, *at);
		bytes = 1;
		break;
	case AML_BYTE:
		*out = acpi_get8(aml, *at + 1);
		bytes = 2;
		break;
	case AML_WORD:
		*out = acpi_get16(aml, *at + 1);
		bytes = 3;
		break;
	case AML_DWORD:
		*out = acpi_get32(aml, *at + 1);
		bytes = 5;
		break;
	case AML_QWORD:
		*out = acpi_get64(aml, *at + 1);
		bytes = 9;
		break;
	default:
		return false;
	}
	if (*at >= in.end || bytes > in.end - *at)
		return false;
	*at += bytes;
	return true;
}

/** The last segment of the name at `at`, which moves behind the name. NULL: there is none. */
static const uint8_t *get_name(const struct acpi_table *aml, struct piece in, uint32_t *at)
{
	uint32_t segments = 1;

	while (acpi_get8(aml, *at) == '\\' || acpi_get8(aml, *at) == '^')
		++*at;
	if (acpi_get8(aml, *at) == AML_DUAL_NAME) {
		segments = 2;
		++*at;
	} else if (acpi_get8(aml, *at) == AML_MULTI_NAME) {
		segments = acpi_get8(aml, *at + 1);
		*at += 2;
	}
	if (!segments || segments > PATH_SEGMENTS_MAX || *at >= in.end ||
	    segments * SEGMENT_BYTES > in.end - *at)
		return NULL;
	*at += segments * SEGMENT_BYTES;
	return aml->bytes + *at - SEGMENT_BYTES;
}

/** An integer, or the name of one that the table defines. */
static bool get_operand(const struct acpi_table *aml, struct piece in, uint32_t *at, uint64_t *out)
{
	uint8_t definition[1 + SEGMENT_BYTES] = { AML_NAME };
	const uint8_t *name;
	uint32_t value;

	if (get_integer(aml, in, at, out))
		return true;
	name = get_name(aml, in, at);
	if (!name)
		return false;
	memcpy(definition + 1, name, SEGMENT_BYTES);
	value = find_bytes(aml, whole(aml), definition, sizeof(definition));
	if (!value)
		return false;
	value += sizeof(definition);
	return get_integer(aml, whole(aml), &value, out);
}

struct device {
	struct piece body;   /* behind its name */
	const uint8_t *name; /* the last segment */
};

/** The innermost device around `at`. */
static bool device_around(const struct acpi_table *aml, uint32_t at, struct device *out)
{
	bool found = false;

	for (uint32_t i = ACPI_HEADER_BYTES; i < at; i++) {
		struct piece package;
		const uint8_t *name;

		if (aml->bytes[i] != AML_EXT || acpi_get8(aml, i + 1) != AML_EXT_DEVICE ||
		    !read_package(aml, whole(aml), i + 2, &package) || package.end <= at)
			continue;
		name = get_name(aml, package, &package.at);
		if (!name || package.at > at)
			continue;
		*out = (struct device){ package, name };
		found = true;
	}
	return found;
}

/** The device one of whose ids is this string. */
static bool find_device(const struct acpi_table *aml, const char *id, struct device *out)
{
	struct piece rest = whole(aml);
	uint32_t bytes = (uint32_t)strlen(id) + 1;

	if (aml->length > TABLE_BYTES_MAX)
		return false;
	while ((rest.at = find_bytes(aml, rest, id, bytes)) != 0) {
		if (aml->bytes[rest.at - 1] == AML_STRING && device_around(aml, rest.at, out))
			return true;
		rest.at += bytes;
	}
	return false;
}

/** Name (ADDR, Package () {low, high}) */
static bool read_address_package(const struct acpi_table *aml, struct piece in, uint32_t at,
				 uint64_t *address)
{
	struct piece package;
	uint64_t low, high;

	if (acpi_get8(aml, at) != AML_PACKAGE || !read_package(aml, in, at + 1, &package) ||
	    acpi_get8(aml, package.at++) < 2 || !get_integer(aml, package, &package.at, &low) ||
	    !get_integer(aml, package, &package.at, &high) || (low | high) >> 32)
		return false;
	*address = low | high << 32;
	return true;
}

/** Method (ADDR) whose result is the sum of a number that firmware has put into the table and an offset, below 4 GiB. */
static bool read_address_method(const struct acpi_table *aml, struct piece method,
				uint64_t *address)
{
	uint64_t a, b;

	for (; method.at < method.end; method.at++) {
		uint32_t at = method.at + 1;

		if (aml->bytes[method.at] != AML_ADD || !get_operand(aml, method, &at, &a) ||
		    !get_operand(aml, method, &at, &b) || !a || (a | b) >> 32)
			continue;
		*address = a + b;
		return true;
	}
	return false;
}

static bool read_address(const struct acpi_table *aml, const struct device *device,
			 uint64_t *address)
{
	struct piece rest = device->body, method;

	while ((rest.at = find_bytes(aml, rest, "ADDR", SEGMENT_BYTES)) != 0) {
		uint32_t name = rest.at;

		rest.at += SEGMENT_BYTES;
		if (aml->bytes[name - 1] == AML_NAME &&
		    read_address_package(aml, device->body, rest.at, address))
			return true;
		/* A short package: its length is one byte. */
		if (aml->bytes[name - 2] == AML_METHOD &&
		    read_package(aml, device->body, name - 1, &method) &&
		    read_address_method(aml, (struct piece){ rest.at, method.end }, address))
			return true;
	}
	return false;
}

/** A large resource of this type, with at least so many bytes behind its header; 0: none. */
static uint32_t find_resource(const struct acpi_table *aml, struct piece in, uint8_t type,
			      uint32_t bytes)
{
	for (uint32_t at = in.at; at < in.end && 3 + bytes <= in.end - at; at++) {
		uint32_t length = acpi_get16(aml, at + 1);

		if (aml->bytes[at] == type && length >= bytes && length <= in.end - at - 3)
			return at;
	}
	return 0;
}

/** The first range of memory among the device's resources. */
static bool read_memory(const struct acpi_table *aml, const struct device *device,
			uint64_t *address)
{
	struct piece in = device->body;
	uint32_t crs = find_bytes(aml, in, "_CRS", SEGMENT_BYTES), at;

	if (!crs)
		return false;
	in.at = crs + SEGMENT_BYTES;
	if ((at = find_resource(aml, in, RESOURCE_QWORD, RESOURCE_QWORD_BYTES)) != 0)
		*address = acpi_get64(aml, at + RESOURCE_QWORD_MINIMUM);
	else if ((at = find_resource(aml, in, RESOURCE_DWORD, RESOURCE_DWORD_BYTES)) != 0)
		*address = acpi_get32(aml, at + RESOURCE_DWORD_MINIMUM);
	else if ((at = find_resource(aml, in, RESOURCE_FIXED, RESOURCE_FIXED_BYTES)) != 0)
		*address = acpi_get32(aml, at + 4);
	return at;
}

static bool hex_digit(uint8_t c, uint32_t *value)
{
	if (c >= '0' && c <= '9')
		*value = *value << 4 | (uint32_t)(c - '0');
	else if (c >= 'A' && c <= 'F')
		*value = *value << 4 | (uint32_t)(c - 'A' + 10);
	else
		return false;
	return true;
}

/** The number of a method _Exx or _Lxx. */
static bool event_of_name(const uint8_t *name, uint32_t *event)
{
	*event = 0;
	return name[0] == '_' && (name[1] == 'E' || name[1] == 'L') && hex_digit(name[2], event) &&
	       hex_digit(name[3], event);
}

static bool notifies(const struct acpi_table *aml, struct piece body, const struct device *device)
{
	for (; body.at < body.end; body.at++) {
		uint32_t at = body.at + 1;
		const uint8_t *name;

		if (aml->bytes[body.at] != AML_NOTIFY)
			continue;
		name = get_name(aml, body, &at);
		if (name && !memcmp(name, device->name, SEGMENT_BYTES))
			return true;
	}
	return false;
}

/** The general-purpose event whose method notifies the device. */
static uint32_t find_event(const struct acpi_table *aml, const struct device *device)
{
	for (uint32_t i = ACPI_HEADER_BYTES; i < aml->length; i++) {
		struct piece method;
		const uint8_t *name;
		uint32_t event;

		if (aml->bytes[i] != AML_METHOD || !read_package(aml, whole(aml), i + 1, &method))
			continue;
		name = get_name(aml, method, &method.at);
		if (name && event_of_name(name, &event) && notifies(aml, method, device))
			return event;
	}
	return ACPI_NO_EVENT;
}

bool acpi_parse_vmgenid(const struct acpi_table *aml, struct acpi_notice *out)
{
	struct device device;

	if (!find_device(aml, "VM_Gen_Counter", &device) ||
	    !read_address(aml, &device, &out->address))
		return false;
	out->event = find_event(aml, &device);
	return true;
}

bool acpi_parse_vmclock(const struct acpi_table *aml, struct acpi_notice *out)
{
	struct device device;

	if ((!find_device(aml, "VMCLOCK", &device) && !find_device(aml, "AMZNC10C", &device)) ||
	    !read_memory(aml, &device, &out->address))
		return false;
	out->event = find_event(aml, &device);
	return true;
}

unsigned acpi_parse_event_lines(const struct acpi_table *aml, struct acpi_line lines[],
				unsigned count)
{
	unsigned found = 0;
	struct device device;
	uint32_t at;

	if (!find_device(aml, "ACPI0013", &device))
		return 0;
	while (found < count && (at = find_resource(aml, device.body, RESOURCE_INTERRUPT,
						    RESOURCE_INTERRUPT_BYTES)) != 0) {
		uint8_t flags = acpi_get8(aml, at + 3);

		device.body.at = at + 3 + RESOURCE_INTERRUPT_BYTES;
		if (acpi_get8(aml, at + 4))
			lines[found++] = (struct acpi_line){
				.gsi = acpi_get32(aml, at + 5),
				.level = !(flags & INTERRUPT_EDGE),
				.low = flags & INTERRUPT_LOW,
			};
	}
	return found;
}
