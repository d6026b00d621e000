/* SPDX-License-Identifier: BSD-3-Clause */
/* A machine's low memory with tables in it, for tests: addresses are offsets into one block. */
#pragma once

#include "parse.h"

enum { SIM_BYTES = 1 << 20 };

struct sim_memory {
	uint8_t *bytes; /* SIM_BYTES */
	uint64_t end;   /* of what can be reached */
};

/** Clears the block. */
void sim_memory_init(struct sim_memory *sim);
void sim_memory_fini(struct sim_memory *sim);
struct acpi_memory sim_memory(struct sim_memory *sim);

/** Puts a table of header and `body` at `address`, with a right checksum. Returns the address behind it. */
uint64_t sim_table(struct sim_memory *sim, uint64_t address, const char signature[4],
		   const void *body, uint32_t body_bytes);

/** Puts an RSDP. Revision 0: `root` is an RSDT; 2: an XSDT. */
void sim_rsdp(struct sim_memory *sim, uint64_t address, uint8_t revision, uint64_t root);
