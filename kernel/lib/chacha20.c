/* SPDX-License-Identifier: BSD-3-Clause */
/* ChaCha20's block function, RFC 8439, 2.1-2.3. */
#include <lib/chacha20.h>

#include <base/string.h>
#include <lib/wipe.h>

static uint32_t rotate_left(uint32_t v, unsigned bits)
{
	return v << bits | v >> (32 - bits);
}

static void quarter_round(uint32_t s[CHACHA20_BLOCK_WORDS], unsigned a, unsigned b, unsigned c,
			  unsigned d)
{
	s[a] += s[b];
	s[d] = rotate_left(s[d] ^ s[a], 16);
	s[c] += s[d];
	s[b] = rotate_left(s[b] ^ s[c], 12);
	s[a] += s[b];
	s[d] = rotate_left(s[d] ^ s[a], 8);
	s[c] += s[d];
	s[b] = rotate_left(s[b] ^ s[c], 7);
}

void chacha20_block(uint32_t out[CHACHA20_BLOCK_WORDS], const uint32_t key[CHACHA20_KEY_WORDS],
		    uint32_t counter, const uint32_t nonce[CHACHA20_NONCE_WORDS])
{
	uint32_t start[CHACHA20_BLOCK_WORDS] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(start + 4, key, CHACHA20_KEY_WORDS * sizeof(*key));
	start[12] = counter;
	memcpy(start + 13, nonce, CHACHA20_NONCE_WORDS * sizeof(*nonce));
	memcpy(out, start, sizeof(start));
	for (unsigned i = 0; i < 10; i++) {
		for (unsigned column = 0; column < 4; column++)
			quarter_round(out, column, column + 4, column + 8, column + 12);
		for (unsigned column = 0; column < 4; column++)
			quarter_round(out, column, (column + 1) % 4 + 4, (column + 2) % 4 + 8,
				      (column + 3) % 4 + 12);
	}
	for (unsigned i = 0; i < CHACHA20_BLOCK_WORDS; i++)
		out[i] += start[i];
	wipe(start, sizeof(start));
}
