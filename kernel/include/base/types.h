/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Scalars that must not be mixed are structs: physical addresses, and integers whose byte order is
 * fixed by a format. The compiled code is that of the plain integer. Usable on the host.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef long ssize_t;

/** An address on the machine's memory bus. */
typedef struct {
	uint64_t raw;
} phys_t;

static inline phys_t phys(uint64_t raw)
{
	return (phys_t){ raw };
}

static inline phys_t phys_add(phys_t p, uint64_t bytes)
{
	return (phys_t){ p.raw + bytes };
}

/* Little-endian fields of images and devices; the kernel runs on little-endian machines only. */
typedef struct {
	uint16_t raw;
} le16_t;
typedef struct {
	uint32_t raw;
} le32_t;
typedef struct {
	uint64_t raw;
} le64_t;

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "le_get is the identity");

static inline uint16_t le16_get(le16_t v)
{
	return v.raw;
}
static inline uint32_t le32_get(le32_t v)
{
	return v.raw;
}
static inline uint64_t le64_get(le64_t v)
{
	return v.raw;
}
static inline le16_t le16(uint16_t v)
{
	return (le16_t){ v };
}
static inline le32_t le32(uint32_t v)
{
	return (le32_t){ v };
}
static inline le64_t le64(uint64_t v)
{
	return (le64_t){ v };
}
