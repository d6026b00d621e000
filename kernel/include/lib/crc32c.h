/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32C (Castagnoli; RFC 3720 appendix B.4), reflected, without the inversions before and after. Usable on the host. */
#pragma once

#include <base/types.h>

/** Continues `crc` (~0 at first). */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);
