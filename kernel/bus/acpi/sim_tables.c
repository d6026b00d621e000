/* SPDX-License-Identifier: BSD-3-Clause */
#include "sim_tables.h"

#include <base/bits.h>

#include <stdlib.h>
#include <string.h>

void sim_memory_init(struct sim_memory *sim)
{
	sim->bytes = calloc(1, SIM_BYTES);
	sim->end = SIM_BYTES;
}

void sim_memory_fini(struct sim_memory *sim)
{
	free(sim->bytes);
}

static const void *at(void *context, uint64_t address, uint64_t bytes)
{
	struct sim_memory *sim = context;

	return range_fits(address, bytes, sim->end) ? sim->bytes + address : NULL;
}

struct acpi_memory sim_memory(struct sim_memory *sim)
{
	return (struct acpi_memory){ at, sim };
}

static uint8_t sum(const uint8_t *p, size_t count)
{
	uint8_t total = 0;

	while (count--)
		total = (uint8_t)(total + *p++);
	return total;
}

uint64_t sim_table(struct sim_memory *sim, uint64_t address, const char signature[4],
		   const void *body, uint32_t body_bytes)
{
	uint32_t length = ACPI_HEADER_BYTES + body_bytes;
	uint8_t *p = sim->bytes + address;

	memset(p, 0, ACPI_HEADER_BYTES);
	memcpy(p, signature, 4);
	memcpy(p + 4, &length, sizeof(length));
	p[8] = 5;
	if (body_bytes)
		memcpy(p + ACPI_HEADER_BYTES, body, body_bytes);
	p[9] = (uint8_t)-sum(p, length);
	return address + length;
}

void sim_rsdp(struct sim_memory *sim, uint64_t address, uint8_t revision, uint64_t root)
{
	uint8_t *p = sim->bytes + address;
	uint32_t root32 = (uint32_t)root, length = 36;

	memset(p, 0, length);
	memcpy(p, "RSD PTR ", 8);
	p[15] = revision;
	if (revision < 2) {
		memcpy(p + 16, &root32, sizeof(root32));
	} else {
		memcpy(p + 20, &length, sizeof(length));
		memcpy(p + 24, &root, sizeof(root));
	}
	p[8] = (uint8_t)-sum(p, 20);
	p[32] = (uint8_t)-sum(p, 36);
}
