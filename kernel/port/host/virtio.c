/* SPDX-License-Identifier: BSD-3-Clause */
/* A simulated virtio device. See virtio.h; written from the specification alone (virtio 1.2, 2.7, 2.8, 4.2). */
#include "virtio.h"

#include <base/assert.h>
#include <base/bits.h>
#include <hal/memory.h>

#include <string.h>

enum {
	F_INDIRECT = 28,
	F_EVENT_IDX = 29,
	F_VERSION_1 = 32,
	F_PACKED = 34,
	NEXT = 1,
	WRITE = 2,
	INDIRECT = 4,
	AVAIL = 1 << 7,
	USED = 1 << 15,
	NO_INTERRUPT = 1,
	NO_NOTIFY = 1,
};

struct descriptor {
	uint64_t address;
	uint32_t bytes;
	uint16_t third, fourth;
};

static bool has(const struct host_virtio *sim, unsigned feature)
{
	return sim->accepted >> feature & 1;
}

static void *at(uint64_t address)
{
	return phys_to_virt(phys(address));
}

static struct host_virtio_queue *selected(struct host_virtio *sim)
{
	static struct host_virtio_queue none;

	none = (struct host_virtio_queue){ 0 };
	return sim->queue_select < sim->queue_count ? &sim->queues[sim->queue_select] : &none;
}

/* Registers */

static uint32_t half(uint64_t value, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(value >> 32 * select);
}

static uint64_t read_config(const struct host_virtio *sim, uint32_t offset, unsigned bytes)
{
	uint64_t value = 0;

	if (range_fits(offset, bytes, sizeof(sim->config)))
		memcpy(&value, sim->config + offset, bytes);
	return value;
}

static uint64_t read(void *context, uint32_t offset, unsigned bytes)
{
	struct host_virtio *sim = context;

	if (offset >= 0x100)
		return read_config(sim, offset - 0x100, bytes);
	assert(bytes == 4 && !(offset & 3));
	switch (offset) {
	case 0x000:
		return 0x74726976;
	case 0x004:
		return sim->version;
	case 0x008:
		return sim->type;
	case 0x00c:
		return 0x4d495323;
	case 0x010:
		return half(sim->features, sim->features_select);
	case 0x034:
		return selected(sim)->entries_max;
	case 0x040:
		return (uint32_t)(selected(sim)->descriptors >> 12);
	case 0x044:
		return selected(sim)->ready;
	case 0x060:
		return sim->interrupt_status;
	case 0x070:
		return sim->status;
	case 0x0fc:
		return sim->generation += sim->generation_step;
	default:
		return 0;
	}
}

static void reset(struct host_virtio *sim)
{
	sim->resets++;
	sim->status_count = 0;
	if (sim->never_resets)
		return;
	sim->status = 0;
	sim->accepted = 0;
	sim->interrupt_status = 0;
	for (unsigned i = 0; i < sim->queue_count; i++) {
		sim->queues[i] = (struct host_virtio_queue){
			.entries_max = sim->queues[i].entries_max,
			.notify_wanted = sim->queues[i].notify_wanted,
			.pop_wrap = true,
			.push_wrap = true,
		};
	}
}

/* As strict as Firecracker: one bit more at a time, in order. */
static void write_status(struct host_virtio *sim, uint8_t status)
{
	uint8_t added = status & (uint8_t)~sim->status;

	if (!status) {
		reset(sim);
		return;
	}
	assert(is_pow2(added) && (status & sim->status) == sim->status);
	if (sim->status_count < sizeof(sim->statuses))
		sim->statuses[sim->status_count++] = status;
	if (added == 8) {
		assert(sim->status == 3 && sim->version == 2 && has(sim, F_VERSION_1));
		if (sim->refuses_features)
			status &= (uint8_t)~8;
	}
	if (added == 4)
		assert(sim->status == (sim->version == 2 ? 0xb : 3));
	sim->status = status;
}

static void set_half(uint64_t *value, uint32_t select, uint64_t part)
{
	if (select <= 1)
		*value = (*value & ~((uint64_t)UINT32_MAX << 32 * select)) | part << 32 * select;
}

static void accept(struct host_virtio *sim, uint32_t value)
{
	set_half(&sim->accepted, sim->accepted_select, value);
	assert(!(sim->accepted & ~sim->features));
}

static void set_pfn(struct host_virtio *sim, struct host_virtio_queue *q, uint64_t pfn)
{
	assert(sim->version == 1);
	q->descriptors = pfn << 12;
	q->driver_area = q->descriptors + 16 * q->entries;
	q->device_area = align_up(q->driver_area + 6 + 2 * q->entries, 4096);
	q->ready = pfn;
}

static void notify(struct host_virtio *sim, uint32_t queue)
{
	assert(queue < sim->queue_count && (sim->status & 4));
	sim->queues[queue].notified++;
	if (sim->notified)
		sim->notified(sim, queue);
}

static void write_queue(struct host_virtio *sim, uint32_t offset, uint32_t value)
{
	struct host_virtio_queue *q = selected(sim);

	assert(!(sim->status & 4));
	switch (offset) {
	case 0x038:
		assert(value && value <= q->entries_max);
		q->entries = value;
		break;
	case 0x040:
		set_pfn(sim, q, value);
		break;
	case 0x044:
		assert(sim->version == 2 && (sim->status & 8));
		q->ready = value;
		break;
	case 0x080:
	case 0x084:
		set_half(&q->descriptors, offset >> 2 & 1, value);
		break;
	case 0x090:
	case 0x094:
		set_half(&q->driver_area, offset >> 2 & 1, value);
		break;
	case 0x0a0:
	case 0x0a4:
		set_half(&q->device_area, offset >> 2 & 1, value);
		break;
	}
}

static void write(void *context, uint32_t offset, unsigned bytes, uint64_t wide)
{
	struct host_virtio *sim = context;
	uint32_t value = (uint32_t)wide;

	if (offset >= 0x100) {
		if (range_fits(offset - 0x100, bytes, sizeof(sim->config)))
			memcpy(sim->config + offset - 0x100, &value, bytes);
		return;
	}
	assert(bytes == 4 && !(offset & 3));
	switch (offset) {
	case 0x014:
		sim->features_select = value;
		break;
	case 0x020:
		accept(sim, value);
		break;
	case 0x024:
		sim->accepted_select = value;
		break;
	case 0x028:
		assert(sim->version == 1 && value == 4096);
		break;
	case 0x030:
		sim->queue_select = value;
		break;
	case 0x03c:
		assert(sim->version == 1 && value == 4096);
		break;
	case 0x050:
		notify(sim, value);
		break;
	case 0x064:
		sim->interrupt_status &= ~value;
		break;
	case 0x070:
		write_status(sim, (uint8_t)value);
		break;
	default:
		write_queue(sim, offset, value);
	}
}

void host_virtio_add(struct host_virtio *sim)
{
	sim->base = sim->base ? sim->base : 0xd0000000;
	sim->line = sim->line ? sim->line : 5;
	sim->version = sim->version ? sim->version : 2;
	if (sim->version == 2)
		sim->features |= BIT64(F_VERSION_1);
	for (unsigned i = 0; i < sim->queue_count; i++) {
		struct host_virtio_queue *q = &sim->queues[i];

		q->entries_max = q->entries_max ? q->entries_max : 256;
		q->pop_wrap = q->push_wrap = true;
		q->notify_wanted = true;
	}
	sim->registers = (struct host_device){
		.base = sim->base,
		.bytes = HOST_VIRTIO_BYTES,
		.is_memory = true,
		.read = read,
		.write = write,
		.context = sim,
	};
	host_io_add(&sim->registers);
}

void host_virtio_remove(struct host_virtio *sim)
{
	host_io_remove(&sim->registers);
}

/* Rings */

static void append(struct host_virtio_buffer *out, const struct descriptor *d, bool writable)
{
	unsigned n = out->readable + out->writable;

	assert(n < HOST_VIRTIO_SEGMENTS && d->bytes && (writable || !out->writable));
	out->segments[n].data = at(d->address);
	out->segments[n].bytes = d->bytes;
	if (writable)
		out->writable++;
	else
		out->readable++;
}

static void pop_split_chain(struct host_virtio *sim, const struct descriptor *table,
			    unsigned entries, unsigned index, struct host_virtio_buffer *out)
{
	for (unsigned i = 0; i < entries; i++) {
		const struct descriptor *d = &table[index];

		assert(index < entries);
		if (d->third & INDIRECT) {
			assert(has(sim, F_INDIRECT) && d->third == INDIRECT);
			pop_split_chain(sim, at(d->address), d->bytes / 16, 0, out);
			out->descriptors = 1;
			return;
		}
		append(out, d, d->third & WRITE);
		out->descriptors++;
		if (!(d->third & NEXT))
			return;
		index = d->fourth;
	}
	assert(!"a chain that ends");
}

static bool pop_split(struct host_virtio *sim, struct host_virtio_queue *q,
		      struct host_virtio_buffer *out)
{
	uint16_t *avail = at(q->driver_area), *used = at(q->device_area);
	uint16_t index = __atomic_load_n(&avail[1], __ATOMIC_ACQUIRE);

	if (index == q->next_pop)
		return false;
	assert((uint16_t)(index - q->next_pop) <= q->entries);
	out->id = avail[2 + q->next_pop % q->entries];
	pop_split_chain(sim, at(q->descriptors), q->entries, out->id, out);
	q->next_pop++;
	if (has(sim, F_EVENT_IDX))
		used[2 + 4 * q->entries] = q->notify_wanted ? q->next_pop
							    : (uint16_t)(q->next_pop - 1);
	else
		used[0] = q->notify_wanted ? 0 : NO_NOTIFY;
	return true;
}

static void push_split(struct host_virtio_queue *q, uint16_t id, uint32_t written)
{
	uint16_t *used = at(q->device_area);
	uint32_t element[2] = { id, written };

	memcpy(used + 2 + 4 * (q->next_push % q->entries), element, sizeof(element));
	q->next_push++;
	__atomic_store_n(&used[1], q->next_push, __ATOMIC_RELEASE);
}

static bool is_available(const struct descriptor *d, bool wrap)
{
	return !(d->fourth & AVAIL) == !wrap && !(d->fourth & USED) == wrap;
}

static void advance(const struct host_virtio_queue *q, uint16_t *position, bool *wrap, unsigned by)
{
	*position = (uint16_t)(*position + by);
	if (*position >= q->entries) {
		*position = (uint16_t)(*position - q->entries);
		*wrap = !*wrap;
	}
}

static void pop_packed_table(struct host_virtio *sim, const struct descriptor *d,
			     struct host_virtio_buffer *out)
{
	const struct descriptor *table = at(d->address);

	assert(has(sim, F_INDIRECT) && !(d->fourth & NEXT));
	for (unsigned i = 0; i < d->bytes / 16; i++)
		append(out, &table[i], table[i].fourth & WRITE);
}

static void write_notify_wish(struct host_virtio *sim, struct host_virtio_queue *q)
{
	uint32_t *event = at(q->device_area);

	if (!q->notify_wanted)
		*event = 1 << 16;
	else if (has(sim, F_EVENT_IDX))
		*event = 2 << 16 | q->next_pop | (uint32_t)q->pop_wrap << 15;
	else
		*event = 0;
}

static bool pop_packed(struct host_virtio *sim, struct host_virtio_queue *q,
		       struct host_virtio_buffer *out)
{
	const struct descriptor *ring = at(q->descriptors), *d;

	if (!is_available(&ring[q->next_pop], q->pop_wrap))
		return false;
	do {
		d = &ring[q->next_pop];
		assert(is_available(d, q->pop_wrap));
		if (d->fourth & INDIRECT)
			pop_packed_table(sim, d, out);
		else
			append(out, d, d->fourth & WRITE);
		out->id = d->third;
		out->descriptors++;
		advance(q, &q->next_pop, &q->pop_wrap, 1);
	} while (d->fourth & NEXT);
	write_notify_wish(sim, q);
	return true;
}

static void push_packed(struct host_virtio_queue *q, const struct host_virtio_buffer *buffer,
			uint32_t written)
{
	struct descriptor *d = (struct descriptor *)at(q->descriptors) + q->next_push;
	uint16_t flags = q->push_wrap ? AVAIL | USED : 0;

	d->bytes = written;
	d->third = buffer->id;
	__atomic_store_n(&d->fourth, flags, __ATOMIC_RELEASE);
	advance(q, &q->next_push, &q->push_wrap, buffer->descriptors);
}

bool host_virtio_pop(struct host_virtio *sim, unsigned queue, struct host_virtio_buffer *out)
{
	struct host_virtio_queue *q = &sim->queues[queue];

	*out = (struct host_virtio_buffer){ 0 };
	if (queue >= sim->queue_count || !q->ready || !(sim->status & 4))
		return false;
	return has(sim, F_PACKED) ? pop_packed(sim, q, out) : pop_split(sim, q, out);
}

void host_virtio_push(struct host_virtio *sim, unsigned queue,
		      const struct host_virtio_buffer *buffer, uint32_t written)
{
	struct host_virtio_queue *q = &sim->queues[queue];

	q->pushed = (uint16_t)(q->pushed + (has(sim, F_PACKED) ? buffer->descriptors : 1));
	if (has(sim, F_PACKED))
		push_packed(q, buffer, written);
	else
		push_split(q, buffer->id, written);
}

bool host_virtio_reply(struct host_virtio *sim, unsigned queue, const void *data, uint32_t bytes)
{
	struct host_virtio_buffer buffer;
	uint32_t done = 0;

	if (!host_virtio_pop(sim, queue, &buffer))
		return false;
	for (unsigned i = 0; i < buffer.writable && done < bytes; i++) {
		uint32_t n = min(bytes - done, buffer.segments[buffer.readable + i].bytes);

		memcpy(buffer.segments[buffer.readable + i].data, (const char *)data + done, n);
		done += n;
	}
	host_virtio_push(sim, queue, &buffer, done);
	host_virtio_interrupt(sim, HOST_VIRTIO_RING);
	return true;
}

uint32_t host_virtio_gather(const struct host_virtio_buffer *buffer, void *out, uint32_t room)
{
	uint32_t done = 0;

	for (unsigned i = 0; i < buffer->readable; i++) {
		uint32_t n = min(room - done, buffer->segments[i].bytes);

		memcpy((char *)out + done, buffer->segments[i].data, n);
		done += n;
	}
	return done;
}

/* Interrupts */

void host_virtio_interrupt(struct host_virtio *sim, uint32_t bits)
{
	sim->interrupt_status |= bits;
	sim->interrupts++;
	host_irq_raise(sim->line);
}

static bool passes(uint16_t event, uint16_t new, uint16_t old)
{
	return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

static bool wanted_split(struct host_virtio *sim, struct host_virtio_queue *q)
{
	const uint16_t *avail = at(q->driver_area);

	if (!has(sim, F_EVENT_IDX))
		return !(avail[0] & NO_INTERRUPT);
	return passes(avail[2 + q->entries], q->next_push, (uint16_t)(q->next_push - q->pushed));
}

static bool wanted_packed(struct host_virtio *sim, struct host_virtio_queue *q)
{
	uint32_t event = *(uint32_t *)at(q->driver_area);
	uint16_t where = event & 0x7fff;

	if (event >> 16 != 2)
		return event >> 16 == 0;
	assert(has(sim, F_EVENT_IDX) && where < q->entries);
	if ((event >> 15 & 1) != q->push_wrap)
		where = (uint16_t)(where - q->entries);
	return passes(where, q->next_push, (uint16_t)(q->next_push - q->pushed));
}

bool host_virtio_interrupt_if_wanted(struct host_virtio *sim, unsigned queue)
{
	struct host_virtio_queue *q = &sim->queues[queue];
	bool wanted;

	if (!q->pushed)
		return false;
	wanted = has(sim, F_PACKED) ? wanted_packed(sim, q) : wanted_split(sim, q);
	q->pushed = 0;
	if (wanted)
		host_virtio_interrupt(sim, HOST_VIRTIO_RING);
	return wanted;
}
