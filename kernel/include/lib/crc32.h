/* SPDX-License-Identifier: BSD-3-Clause */
/* CRC-32 (IEEE 802.3, 3.2.9), as GPT has it. Usable on the host. */
#pragma once

#include <base/types.h>

/** Continues `crc`, 0 at first. */
uint32_t crc32(uint32_t crc, const void *data, size_t bytes);
