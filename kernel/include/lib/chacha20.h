/* SPDX-License-Identifier: BSD-3-Clause */
/* The block function of ChaCha20 (RFC 8439, 2.3): pure, any context. */
#pragma once

#include <base/types.h>

enum { CHACHA20_KEY_WORDS = 8, CHACHA20_NONCE_WORDS = 3, CHACHA20_BLOCK_WORDS = 16 };

/** Words are in the machine's order: on a little-endian one, the bytes of `out` are those of the standard. */
void chacha20_block(uint32_t out[CHACHA20_BLOCK_WORDS], const uint32_t key[CHACHA20_KEY_WORDS],
		    uint32_t counter, const uint32_t nonce[CHACHA20_NONCE_WORDS]);
