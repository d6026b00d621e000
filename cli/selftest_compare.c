/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether the machine that the kernel has found is the one that was asked for. */
#include "selftest_report.h"

#include "vmm.h"

#include <base/bits.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* What a machine may keep of its memory: what lies below 1 MiB and is not RAM, tables, firmware. */
#define MEMORY_KEPT_BYTES ((uint64_t)2 << 20)
#define CLOCK_TOLERANCE_NS ((uint64_t)120 * 1000000000)
enum { SECTOR_BYTES = 512, QCOW2_SIZE_AT = 24 };

static bool value_number(const struct selftest_report *r, const char *name, uint64_t *out)
{
	const char *value = selftest_value(r, name);
	char *end;

	if (!value || *value < '0' || *value > '9')
		return false;
	*out = strtoull(value, &end, 10);
	return !*end;
}

/* A value that has to be one of at most two. */
static void compare_text(struct selftest_report *r, const char *check, const char *name,
			 const char *wanted, const char *or_else)
{
	const char *found = selftest_value(r, name);
	bool well = found && (!strcasecmp(found, wanted) || (or_else && !strcmp(found, or_else)));

	if (well)
		selftest_add_row(r, true, check, "%s, as asked for", found);
	else
		selftest_add_row(r, false, check, "%s, not %s", found ? found : "not told", wanted);
}

static void compare_memory(struct selftest_report *r, const struct options *o)
{
	uint64_t found, wanted = o->memory_bytes;

	if (!value_number(r, "memory.bytes", &found))
		selftest_add_row(r, false, "memory size", "not told");
	else if (found > wanted || wanted - found > MEMORY_KEPT_BYTES)
		selftest_add_row(r, false, "memory size", "%llu KiB of %llu KiB asked for",
				 (unsigned long long)found / 1024,
				 (unsigned long long)wanted / 1024);
	else
		selftest_add_row(r, true, "memory size", "%llu KiB, less %llu KiB that are kept",
				 (unsigned long long)wanted / 1024,
				 (unsigned long long)(wanted - found) / 1024);
}

/* Small machines have no table that tells it. */
static void compare_cpus(struct selftest_report *r, const struct options *o)
{
	uint64_t found;

	if (value_number(r, "cpus", &found))
		selftest_add_row(r, found == o->cpus, "processors", "%llu, %u asked for",
				 (unsigned long long)found, o->cpus);
}

/* What the machine sees of it; 0: not known. */
static uint64_t disk_bytes(const struct disk *d)
{
	int fd = open(d->path, O_RDONLY | O_CLOEXEC);
	uint8_t size[8];
	uint64_t bytes = 0;

	if (fd < 0)
		return 0;
	if (d->format != DISK_QCOW2) {
		off_t end = lseek(fd, 0, SEEK_END);

		bytes = end > 0 ? (uint64_t)end : 0;
	} else if (pread(fd, size, sizeof size, QCOW2_SIZE_AT) == sizeof size) {
		for (size_t i = 0; i < sizeof size; i++)
			bytes = bytes << 8 | size[i];
	}
	close(fd);
	return bytes;
}

static void compare_disk(struct selftest_report *r, const struct disk *d, unsigned number)
{
	uint64_t wanted = disk_bytes(d), found, read_only;
	char letter = (char)('a' + number);
	char check[24], name[40];

	snprintf(check, sizeof check, "disk vd%c", letter);
	snprintf(name, sizeof name, "disk.vd%c.bytes", letter);
	if (!value_number(r, name, &found)) {
		selftest_add_row(r, false, check, "%s is not there", d->path);
		return;
	}
	snprintf(name, sizeof name, "disk.vd%c.readonly", letter);
	if (!value_number(r, name, &read_only))
		read_only = 0;
	/* VMMs round to sectors, up or down. */
	bool size = found < wanted + SECTOR_BYTES && wanted < found + SECTOR_BYTES;
	if (size && (d->read_only || !read_only))
		selftest_add_row(r, true, check, "is %s", d->path);
	else
		selftest_add_row(r, false, check, "%llu bytes%s; %s has %llu%s",
				 (unsigned long long)found, read_only ? ", read-only" : "", d->path,
				 (unsigned long long)wanted, d->read_only ? ", read-only" : "");
}

static void compare_network(struct selftest_report *r, const struct options *o)
{
	const struct network *n = &o->network;
	char wanted[INET_ADDRSTRLEN + 8] = "";
	size_t length;

	if (n->kind == NETWORK_NONE)
		return;
	if (!selftest_has(r, "ok net eth0") && !selftest_has(r, "FAIL net eth0"))
		selftest_add_row(r, false, "network", "there is no device");
	if (n->mac)
		compare_text(r, "hardware address", "net.eth0.mac", n->mac, NULL);
	if (!n->address.s_addr)
		return;
	inet_ntop(AF_INET, &n->address, wanted, INET_ADDRSTRLEN);
	length = strlen(wanted);
	snprintf(wanted + length, sizeof wanted - length, "/%u", n->prefix);
	compare_text(r, "address", "net.eth0.address", wanted, NULL);
}

static bool read_text(const char *path, struct text *out)
{
	FILE *file = fopen(path, "re");
	char part[4096];
	size_t got;

	if (!file)
		return false;
	while ((got = fread(part, 1, sizeof part, file)) > 0)
		text_append(out, part, got);
	fclose(file);
	return true;
}

/* How long the string of JSON is that begins here, with its quotes. */
static size_t string_bytes(const char *json)
{
	size_t bytes = 1;

	while (json[bytes] && json[bytes] != '"')
		bytes += json[bytes] == '\\' && json[bytes + 1] ? 2 : 1;
	return bytes + !!json[bytes];
}

/* Names and values that are strings have to be in what the machine was told; one with an escape may be written in another way. */
static void compare_metadata(struct selftest_report *r, const char *path)
{
	static const char name[] = "metadata=";
	struct text found = { 0 }, wanted = { 0 };
	bool readable = read_text(path, &wanted);
	const char *at = text_get(&wanted);
	unsigned strings = 0, missing = 0;

	for (size_t i = 0; i < r->values.count; i++)
		if (!strncmp(r->values.items[i], name, strlen(name)))
			text_printf(&found, "%s", r->values.items[i] + strlen(name));
	for (; (at = strchr(at, '"')) != NULL; at += string_bytes(at)) {
		size_t bytes = string_bytes(at);

		strings++;
		missing += !memchr(at, '\\', bytes) &&
			   !memmem(text_get(&found), found.bytes, at, bytes);
	}
	selftest_add_row(r, readable && !missing, "metadata", "%u of %u strings of %s are there",
			 strings - missing, strings, path);
	text_free(&found);
	text_free(&wanted);
}

/* What was asked for is not to be skipped. */
static void compare_device(struct selftest_report *r, bool wanted, const char *check)
{
	char skipped[48];

	snprintf(skipped, sizeof skipped, "skip %s", check);
	if (wanted && selftest_has(r, skipped))
		selftest_add_row(r, false, check, "was asked for, and is not there");
}

static void compare_clock(struct selftest_report *r, uint64_t now_ns)
{
	uint64_t found;

	if (!value_number(r, "wall", &found))
		selftest_add_row(r, false, "wall clock", "not told");
	else if (found > now_ns + CLOCK_TOLERANCE_NS || now_ns > found + CLOCK_TOLERANCE_NS)
		selftest_add_row(r, false, "wall clock", "%lld s from the host's",
				 (long long)(found - now_ns) / 1000000000);
	else
		selftest_add_row(r, true, "wall clock", "the host's");
}

void selftest_compare(struct selftest_report *r, const struct options *o, uint64_t now_ns)
{
	compare_text(r, "hypervisor", "hypervisor",
		     o->accel == ACCEL_KVM ? "KVMKVMKVM" : "TCGTCGTCGTCG", NULL);
	/* Old Firecracker knows no PVH. */
	compare_text(r, "boot protocol", "boot", "pvh",
		     o->vmm == VMM_FIRECRACKER ? "linux64" : NULL);
	compare_memory(r, o);
	compare_cpus(r, o);
	for (size_t i = 0; i < o->disk_count; i++)
		compare_disk(r, &o->disks[i], (unsigned)i);
	compare_network(r, o);
	if (o->metadata)
		compare_metadata(r, o->metadata);
	compare_device(r, o->entropy, "entropy");
	compare_device(r, o->balloon, "balloon");
	compare_clock(r, now_ns);
}
