/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel's random generator (ChaCha20 with fast key erasure), seeded from the CPU, the cycle counter,
 * the command line and, later, devices. Any context. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

void random_bytes(void *out, size_t bytes);
uint64_t random_u64(void);

/** Mixes in bytes of any quality; never makes the state worse. */
void random_add(const void *bytes, size_t count);

/** Has fn(context) called whenever a lot has been handed out: it asks a device, whose bytes come by random_add() some time later. Any
 * context, whatever locks the taker of random bytes holds. There is one source, the last that was set. */
void random_set_source(void (*fn)(void *context), void *context);

/** Asks the source now. False: there is none. Any context. */
bool random_ask_source(void);

/** How many bytes random_add() has been given since the start. Any context. */
uint64_t random_added(void);

/** The source with this context goes away; where another has been set, that stays. */
void random_remove_source(const void *context);

/** A number that the hypervisor changes when it resumes the machine from a snapshot: before bytes are handed out it is looked at, so
 * that two machines never get the same ones. Two words that stay mapped for ever; NULL: there is none. */
void random_set_generation(const uint64_t *words);

/** The machine may be one of several that go on from here: what was prepared is thrown away, and the state mixed with what is only
 * here. */
void random_renew(void);

/** Counts the renewals. Who has taken bytes and finds it changed before they are used shall take others. */
unsigned random_renewals(void);
