/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Random bytes by ChaCha20 with fast key erasure (Bernstein, 2017): of each block half becomes the
 * next key at once, the other half is handed out and erased, and so are copies on the stack. So what
 * was given cannot be computed from the state that is found later.
 *
 * Seeded at the first use. Each block also takes in fresh bits from the CPU and the cycle counter. Of two
 * machines that were resumed from one snapshot neither hands out what was prepared before: the
 * hypervisor's generation number is compared each time.
 */
#include <core/random.h>

#include <base/bits.h>
#include <base/string.h>
#include <core/lock.h>
#include <core/params.h>
#include <hal/cpu.h>
#include <lib/chacha20.h>
#include <lib/wipe.h>

enum {
	KEY_BYTES = CHACHA20_KEY_WORDS * 4,
	BLOCK_BYTES = CHACHA20_BLOCK_WORDS * 4,
	READY_BYTES = BLOCK_BYTES - KEY_BYTES,
	JITTER_ROUNDS = 64,
	SOURCE_BLOCKS = 4096, /* handed out (128 KiB) before more is asked for */
};

static struct {
	struct spinlock lock;
	bool seeded;                      /* [lock] */
	uint32_t key[CHACHA20_KEY_WORDS]; /* [lock] */
	uint8_t ready[READY_BYTES];       /* [lock] the last `left` bytes may be handed out */
	uint32_t left;                    /* [lock] */
	uint32_t blocks;                  /* [lock] since the source was last asked */
	void (*source)(void *context);    /* [lock] */
	void *source_context;             /* [lock] */
	uint64_t added;                   /* [lock] bytes */
	unsigned renewals;                /* [lock to write] */
	const uint64_t *generation;       /* [lock] two words that the hypervisor writes; NULL */
	uint64_t generation_seen[2];      /* [lock] */
} pool;

/* A new key and a full `ready`. */
static void next_block(void) REQUIRES(pool.lock)
{
	uint32_t block[CHACHA20_BLOCK_WORDS], fresh[1 + CHACHA20_NONCE_WORDS];
	uint64_t cycles = cpu_cycles(), random = 0;

	cpu_random(&random);
	memcpy(fresh, &random, sizeof(random));
	memcpy(fresh + 2, &cycles, sizeof(cycles));
	chacha20_block(block, pool.key, fresh[0], fresh + 1);
	memcpy(pool.key, block, KEY_BYTES);
	memcpy(pool.ready, block + CHACHA20_KEY_WORDS, READY_BYTES);
	pool.left = READY_BYTES;
	pool.blocks++;
	wipe(block, sizeof(block));
	wipe(fresh, sizeof(fresh));
	wipe(&random, sizeof(random));
}

/* What is added may have been chosen by an enemy: it changes the key's input to a one-way function,
 * nothing more. */
static void mix(const void *bytes, size_t count) REQUIRES(pool.lock)
{
	const uint8_t *from = bytes;
	uint8_t key[KEY_BYTES];

	for (size_t i = 0; i < count; i += KEY_BYTES) {
		memcpy(key, pool.key, KEY_BYTES);
		for (size_t j = 0; j < KEY_BYTES && i + j < count; j++)
			key[j] ^= from[i + j];
		memcpy(pool.key, key, KEY_BYTES);
		next_block();
	}
	wipe(key, sizeof(key));
}

/* Without a random generator in the CPU: how long a few instructions take is the host's affair, and
 * different each time. */
static void mix_jitter(void) REQUIRES(pool.lock)
{
	uint32_t words[CHACHA20_KEY_WORDS] = { 0 };

	for (unsigned i = 0; i < JITTER_ROUNDS; i++) {
		uint32_t *word = &words[i % countof(words)];

		*word = (*word << 7 | *word >> 25) ^ (uint32_t)cpu_cycles();
		cpu_relax();
	}
	mix(words, sizeof(words));
	wipe(words, sizeof(words));
}

static void mix_cpu(void) REQUIRES(pool.lock)
{
	uint64_t words[4];
	unsigned got = 0;

	while (got < countof(words) && cpu_random(&words[got]))
		got++;
	mix(words, got * sizeof(*words));
	wipe(words, sizeof(words));
	if (got < countof(words))
		mix_jitter();
}

static void seed(void) REQUIRES(pool.lock)
{
	const char *param = params_get("seed");

	pool.seeded = true;
	mix_cpu();
	if (param)
		mix(param, strlen(param));
}

static void read_generation(uint64_t words[2]) REQUIRES(pool.lock)
{
	words[0] = __atomic_load_n(&pool.generation[0], __ATOMIC_RELAXED);
	words[1] = __atomic_load_n(&pool.generation[1], __ATOMIC_RELAXED);
}

static bool generation_changed(void) REQUIRES(pool.lock)
{
	uint64_t now[2];

	if (likely(!pool.generation))
		return false;
	read_generation(now);
	return now[0] != pool.generation_seen[0] || now[1] != pool.generation_seen[1];
}

/* Mixing makes a new block, so nothing of the old one is left. */
static void renew(void) REQUIRES(pool.lock)
{
	if (pool.generation) {
		read_generation(pool.generation_seen);
		mix(pool.generation_seen, sizeof(pool.generation_seen));
	}
	mix_cpu();
	pool.renewals++;
	pool.blocks = SOURCE_BLOCKS; /* a device is asked soon */
}

static void hand_out(uint8_t *to, size_t bytes) REQUIRES(pool.lock)
{
	while (bytes) {
		if (!pool.left)
			next_block();
		size_t count = min(bytes, (size_t)pool.left);
		uint8_t *from = pool.ready + READY_BYTES - pool.left;

		memcpy(to, from, count);
		memset(from, 0, count);
		pool.left -= (uint32_t)count;
		to += count;
		bytes -= count;
	}
}

void random_bytes(void *out, size_t bytes)
{
	void (*source)(void *context) = NULL;
	void *context = NULL;

	spin_lock(&pool.lock);
	if (!pool.seeded)
		seed();
	if (unlikely(generation_changed()))
		renew();
	hand_out(out, bytes);
	if (unlikely(pool.blocks >= SOURCE_BLOCKS)) {
		pool.blocks = 0;
		source = pool.source;
		context = pool.source_context;
	}
	spin_unlock(&pool.lock);
	if (unlikely(source))
		source(context);
}

uint64_t random_u64(void)
{
	uint64_t value;

	random_bytes(&value, sizeof(value));
	return value;
}

void random_add(const void *bytes, size_t count)
{
	spin_lock(&pool.lock);
	if (!pool.seeded)
		seed();
	mix(bytes, count);
	pool.added += count;
	spin_unlock(&pool.lock);
}

bool random_ask_source(void)
{
	void (*source)(void *context);
	void *context;

	spin_lock(&pool.lock);
	source = pool.source;
	context = pool.source_context;
	spin_unlock(&pool.lock);
	if (source)
		source(context);
	return source;
}

uint64_t random_added(void)
{
	uint64_t added;

	spin_lock(&pool.lock);
	added = pool.added;
	spin_unlock(&pool.lock);
	return added;
}

void random_set_source(void (*fn)(void *context), void *context)
{
	spin_lock(&pool.lock);
	pool.source = fn;
	pool.source_context = context;
	spin_unlock(&pool.lock);
}

void random_remove_source(const void *context)
{
	spin_lock(&pool.lock);
	if (pool.source_context == context)
		pool.source = NULL;
	spin_unlock(&pool.lock);
}

void random_set_generation(const uint64_t *words)
{
	spin_lock(&pool.lock);
	pool.generation = words;
	if (words)
		read_generation(pool.generation_seen);
	spin_unlock(&pool.lock);
	random_renew(); /* it may have changed before it was known */
}

void random_renew(void)
{
	spin_lock(&pool.lock);
	if (pool.seeded)
		renew();
	spin_unlock(&pool.lock);
}

unsigned random_renewals(void)
{
	unsigned renewals;

	if (likely(!__atomic_load_n(&pool.generation, __ATOMIC_RELAXED)))
		return __atomic_load_n(&pool.renewals, __ATOMIC_RELAXED);
	spin_lock(&pool.lock);
	if (generation_changed())
		renew();
	renewals = pool.renewals;
	spin_unlock(&pool.lock);
	return renewals;
}
