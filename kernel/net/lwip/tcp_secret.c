/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What makes TCP's initial sequence numbers and cookies hard to guess: a hash (SipHash-2-4; Aumasson, Bernstein 2012) under a secret
 * that is made at the first use, and made anew when the machine may have gone on from a snapshot that others go on from as well.
 */
#include "internal.h"

#include <core/random.h>

/* [net_mutex] One TCP in the machine. */
static struct {
	uint64_t key[2];
	unsigned renewals; /* of the random generator, when it was made */
	bool made;
} secret;

struct sip {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_rounds(struct sip *sip, unsigned rounds)
{
	uint64_t *v = sip->v;

	while (rounds--) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32) + v[3];
		v[2] += v[1];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

/* Of whole words. */
static uint64_t sip_hash(const uint64_t key[2], const uint64_t *words, size_t count)
{
	struct sip sip = { { key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
			     key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573 } };
	uint64_t last = (uint64_t)count * 8 << 56;

	for (size_t i = 0; i <= count; i++) {
		uint64_t word = i < count ? words[i] : last;

		sip.v[3] ^= word;
		sip_rounds(&sip, 2);
		sip.v[0] ^= word;
	}
	sip.v[2] ^= 0xff;
	sip_rounds(&sip, 4);
	return sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3];
}

static size_t put_address(uint64_t *words, const ip_addr_t *address)
{
	const uint32_t *at = ip_2_ip6(address)->addr;

	if (IP_IS_V4(address)) {
		words[0] = ip4_addr_get_u32(ip_2_ip4(address));
		return 1;
	}
	words[0] = (uint64_t)at[0] << 32 | at[1];
	words[1] = (uint64_t)at[2] << 32 | at[3];
	return 2;
}

static void make_key(unsigned renewals)
{
	random_bytes(secret.key, sizeof secret.key);
	secret.renewals = renewals;
	secret.made = true;
}

uint64_t tcp_secret_hash(const ip_addr_t *local, const ip_addr_t *remote, const uint64_t said[2])
{
	uint64_t words[6] = { said[0], said[1] };
	unsigned renewals = random_renewals();
	size_t count = 2;

	if (unlikely(!secret.made || secret.renewals != renewals))
		make_key(renewals);
	count += put_address(words + count, local);
	count += put_address(words + count, remote);
	return sip_hash(secret.key, words, count);
}
