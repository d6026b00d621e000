/* SPDX-License-Identifier: BSD-3-Clause */
#include <lib/chacha20.h>

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

/* RFC 8439, 2.3.2. */
static void chacha20_block_gives_the_standards_vector(void **state)
{
	static const unsigned char nonce_bytes[12] = { 0, 0, 0, 9, 0, 0, 0, 0x4a };
	static const unsigned char wanted[64] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
		0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
		0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
		0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
		0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	unsigned char key_bytes[32];
	uint32_t key[8], nonce[3], out[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(key_bytes); i++)
		key_bytes[i] = (unsigned char)i;
	memcpy(key, key_bytes, sizeof(key));
	memcpy(nonce, nonce_bytes, sizeof(nonce));
	chacha20_block(out, key, 1, nonce);
	assert_memory_equal(out, wanted, sizeof(wanted));
}

/* RFC 8439, A.1, test vector 1: all zeros. */
static void chacha20_block_of_zeros_gives_the_standards_vector(void **state)
{
	static const unsigned char wanted[16] = { 0x76, 0xb8, 0xe0, 0xad, 0xa0, 0xf1, 0x3d, 0x90,
						  0x40, 0x5d, 0x6a, 0xe5, 0x53, 0x86, 0xbd, 0x28 };
	uint32_t key[8] = { 0 }, nonce[3] = { 0 }, out[16];

	(void)state;
	chacha20_block(out, key, 0, nonce);
	assert_memory_equal(out, wanted, sizeof(wanted));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chacha20_block_gives_the_standards_vector),
		cmocka_unit_test(chacha20_block_of_zeros_gives_the_standards_vector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
