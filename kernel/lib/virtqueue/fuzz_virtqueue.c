/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both kinds of ring against a device that writes anything anywhere in the shared memory. Whatever it does: a token comes back only
 * while it is outstanding, and with a length that fits; once broken, nothing comes back; and all tokens can be had in the end.
 */
#include <base/assert.h>
#include <base/errno.h>
#include <lib/virtqueue.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum { ENTRIES = 8, SEGMENTS = 4, SEGMENT_BYTES = 100 };
enum action { ADD, PUBLISH, TAKE, ON, OFF, LATE, USE, WRITE, ACTIONS };

static struct {
	struct virtq q;
	struct virtq_layout layout;
	uint8_t *ring;
	void *slots, *tables;
	bool out[256];
	uint32_t room[256]; /* writable bytes of a token */
	char tokens[256];
	char memory[SEGMENTS][SEGMENT_BYTES];
	uint16_t used; /* split: the device's index */
} f;

static void start(unsigned flags, bool tables)
{
	struct virtq_memory memory = { .segments = SEGMENTS, .direct_base = 0 };

	f.layout = virtq_layout(ENTRIES, flags);
	memory.ring = f.ring = aligned_alloc(4096, align_up(f.layout.bytes, 4096));
	memset(f.ring, 0, f.layout.bytes);
	memory.slots = f.slots = malloc(virtq_slots_bytes(ENTRIES));
	memory.tables = f.tables = tables ? aligned_alloc(16, virtq_tables_bytes(ENTRIES, SEGMENTS))
					  : NULL;
	memset(f.out, 0, sizeof(f.out));
	f.used = 0;
	virtq_init(&f.q, ENTRIES, flags, &memory);
}

static void add(uint8_t shape, uint8_t token)
{
	struct virtio_segment segments[SEGMENTS];
	unsigned readable = shape % 3, writable = shape / 3 % 3;
	int error;

	if (f.out[token] || !(readable + writable))
		return;
	for (unsigned i = 0; i < readable + writable; i++)
		segments[i] = (struct virtio_segment){ f.memory[i], SEGMENT_BYTES };
	error = virtq_add(&f.q, segments, readable, writable, &f.tokens[token]);
	assert(!error || error == -ENOSPC || (error == -EIO && f.q.broken));
	f.out[token] = !error;
	f.room[token] = writable * SEGMENT_BYTES;
}

static void take(void)
{
	uint32_t written = UINT32_MAX;
	char *token = virtq_take(&f.q, &written);

	if (!token)
		return;
	assert(!f.q.broken);
	assert(token >= f.tokens && token < f.tokens + sizeof(f.tokens));
	assert(f.out[token - f.tokens] && written <= f.room[token - f.tokens]);
	f.out[token - f.tokens] = false;
}

/* A used element that may be right, which random writes seldom are. */
static void use(uint8_t id, uint8_t length)
{
	uint32_t element[2] = { id % ENTRIES, length };

	if (f.q.is_packed) {
		uint8_t *d = f.ring + 16 * (f.q.last_used % ENTRIES);
		uint16_t id_and_flags[2] = { id % ENTRIES, f.q.used_wrap ? 0x8080 : 0 };

		memcpy(d + 8, &element[1], 4);
		memcpy(d + 12, id_and_flags, 4);
		return;
	}
	memcpy(f.ring + f.layout.device_offset + 4 + 8 * (f.used % ENTRIES), element, 8);
	f.used++;
	memcpy(f.ring + f.layout.device_offset + 2, &f.used, 2);
}

static void act(const uint8_t *step)
{
	bool ignored = false;

	switch (step[0] % ACTIONS) {
	case ADD:
		add(step[1], step[2]);
		break;
	case PUBLISH:
		ignored = virtq_publish(&f.q);
		break;
	case TAKE:
		take();
		break;
	case ON:
		ignored = virtq_interrupts_on(&f.q);
		break;
	case OFF:
		virtq_interrupts_off(&f.q);
		break;
	case LATE:
		ignored = virtq_interrupts_late(&f.q);
		break;
	case USE:
		use(step[1], step[2]);
		break;
	case WRITE:
		f.ring[(step[1] | step[3] << 8) % f.layout.bytes] = step[2];
		break;
	}
	(void)ignored;
	(void)virtq_has_used(&f.q);
}

static void finish(void)
{
	char *token;

	while ((token = virtq_detach(&f.q)) != NULL) {
		assert(f.out[token - f.tokens]);
		f.out[token - f.tokens] = false;
	}
	for (unsigned i = 0; i < sizeof(f.tokens); i++)
		assert(!f.out[i]);
	free(f.ring);
	free(f.slots);
	free(f.tables);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (!bytes)
		return 0;
	start(data[0] & (VIRTQ_PACKED | VIRTQ_EVENT_IDX | VIRTQ_LEGACY | VIRTQ_SILENT),
	      data[0] & 0x10);
	for (size_t at = 1; at + 4 <= bytes; at += 4)
		act(data + at);
	finish();
	return 0;
}
