/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's random generator (ChaCha20 with fast key erasure), seeded from the CPU, the cycle counter,
 * the command line and, later, devices. Any context. */
#pragma once

#include <base/types.h>

void random_bytes(void *out, size_t bytes);
uint64_t random_u64(void);

/** Mixes in bytes of any quality; never makes the state worse. */
void random_add(const void *bytes, size_t count);
