/* SPDX-License-Identifier: BSD-3-Clause */
/* Powers of two, alignment, pages, and sums that must not wrap. Usable on the host. */
#pragma once

#include <base/types.h>

enum { PAGE_SHIFT = 12 };
#define PAGE_SIZE ((size_t)1 << PAGE_SHIFT)

#define BIT(n) (1u << (n))
#define BIT64(n) ((uint64_t)1 << (n))

static inline bool is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/** Rounds down to a multiple of `align`, a power of two. */
static inline uint64_t align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

/** Rounds up to a multiple of `align`, a power of two; wraps to 0 past the last multiple. */
static inline uint64_t align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline bool is_aligned(uint64_t v, uint64_t align)
{
	return !(v & (align - 1));
}

/** Index of the highest set bit; `v` must not be 0. */
static inline unsigned ilog2(uint64_t v)
{
	return 63u - (unsigned)__builtin_clzll(v);
}

/** Whether [at, at + bytes) lies inside [0, limit), whatever the operands. */
static inline bool range_fits(uint64_t at, uint64_t bytes, uint64_t limit)
{
	return at <= limit && bytes <= limit - at;
}

/* True where the sum or product does not fit; *out is then unusable. */
#define add_overflows(a, b, out) __builtin_add_overflow(a, b, out)
#define mul_overflows(a, b, out) __builtin_mul_overflow(a, b, out)

#define min(a, b)                                                 \
	({                                                        \
		__typeof__((a) + (b)) min_a_ = (a), min_b_ = (b); \
		min_a_ < min_b_ ? min_a_ : min_b_;                \
	})
#define max(a, b)                                                 \
	({                                                        \
		__typeof__((a) + (b)) max_a_ = (a), max_b_ = (b); \
		max_a_ > max_b_ ? max_a_ : max_b_;                \
	})
