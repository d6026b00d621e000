/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Devices of virtio on memory-mapped registers as Firecracker has them (virtio 1.2, 2.7 and 4.2; src/vmm/src/devices/virtio):
 * version 2, split rings, no indirect descriptors, interrupts by a pulse on a line. They stand where Firecracker puts them, and
 * are as strict as it is: what the driver may not do ends the process with a message.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmm.h"

enum { VIRTIO_QUEUES_MAX = 3, VIRTIO_ENTRIES_MAX = 256, VIRTIO_SEGMENTS_MAX = 256 };
enum { VIRTIO_GSI_FIRST = 5, VIRTIO_SLOT_BYTES = 0x1000 };
#define VIRTIO_SLOTS_GPA ((uint64_t)0xc0001000)

#define VIRTIO_F_EVENT_IDX ((uint64_t)1 << 29)
#define VIRTIO_F_VERSION_1 ((uint64_t)1 << 32)
#define VIRTIO_F_IN_ORDER ((uint64_t)1 << 35)

struct virtio_device;

/** What a kind of device is. */
struct virtio_model {
	const char *name;
	uint32_t type;
	uint64_t features;
	unsigned queues;
	/** The driver has added buffers to a queue. */
	void (*notified)(struct virtio_device *device, unsigned queue);
};

struct virtio_ring {
	uint16_t entries;
	bool ready;
	uint64_t descriptors_gpa, driver_gpa, device_gpa;
	uint16_t next; /* of the driver's ring */
	uint16_t used; /* of the device's ring */
};

struct virtio_device {
	const struct virtio_model *model;
	struct ram *ram;
	struct machine *machine;
	uint64_t gpa;
	unsigned gsi;
	uint8_t config[16];
	void *state; /* the model's */
	struct virtio_negotiated {
		uint8_t status, interrupt;
		uint32_t feature_word, driver_feature_word, queue;
		uint64_t accepted;
		struct virtio_ring rings[VIRTIO_QUEUES_MAX];
	} now; /* what a reset takes back */
};

/** A device in a slot (address and line follow from that), which a model's init() is to complete. */
struct virtio_device virtio_place(unsigned slot, struct ram *ram, struct machine *machine);

/** A register access; false: it is not this device's. */
bool virtio_access(struct virtio_device *device, uint64_t gpa, uint8_t *data, uint32_t bytes,
		   bool write);

/* --- for models --- */

struct virtio_segment {
	uint8_t *data;
	uint32_t bytes;
	bool writable;
};

/** A buffer: the segments that the device reads, then those that it writes. */
struct virtio_chain {
	uint16_t head;
	unsigned count, readable;
	struct virtio_segment segments[VIRTIO_SEGMENTS_MAX];
};

/** The next buffer of a queue. False: there is none, or the device does not run. */
bool virtio_take(struct virtio_device *device, unsigned queue, struct virtio_chain *out);

/** Puts the buffer taken last back, so that it is taken again. */
void virtio_untake(struct virtio_device *device, unsigned queue);

/** Gives a buffer back; interrupts unless the driver wants none. */
void virtio_give(struct virtio_device *device, unsigned queue, const struct virtio_chain *chain,
		 uint32_t written);

/** Copies out of what the device reads, from an offset on. False: there is less. */
bool virtio_copy_out(const struct virtio_chain *chain, size_t offset, void *to, size_t bytes);
size_t virtio_readable_bytes(const struct virtio_chain *chain);

/** Copies into what the device writes, as much as there is room; returns how much. */
size_t virtio_copy_in(const struct virtio_chain *chain, size_t offset, const void *from,
		      size_t bytes);
size_t virtio_writable_bytes(const struct virtio_chain *chain);

/* --- the models --- */

enum block_fault {
	BLOCK_FAULT_NONE,
	BLOCK_FAULT_FORGETS, /* writes are acknowledged and lost */
	BLOCK_FAULT_LIES,    /* it gives back a buffer that it does not have */
};

/** A disk in a file of whole sectors. Ends the process where that cannot be opened. */
struct block_setup {
	const char *path;
	bool read_only;
	enum block_fault fault;
};
void block_init(struct virtio_device *device, const struct block_setup *setup);

/** A network with one peer, 10.0.0.1, that answers ARP and pings; the guest is to be 10.0.0.2. */
void net_init(struct virtio_device *device, bool silent);
/** The peer asks the guest's UDP echo service; net_answered(): it got the right answer. */
void net_ask(struct virtio_device *device);
bool net_answered(const struct virtio_device *device);

/** A host (CID 2) that has an echo service on port 7; the guest is CID 3. */
void vsock_init(struct virtio_device *device);
/** The host asks the guest's echo service on port 7. */
void vsock_ask(struct virtio_device *device);
bool vsock_answered(const struct virtio_device *device);

/* --- the machine's devices (devices.c) --- */

enum { DEVICES_MAX = 8 };

struct devices {
	struct virtio_device list[DEVICES_MAX];
	unsigned count;
	struct virtio_device *net, *vsock; /* NULL: none */
	bool asked, told;
};

/** What is wanted, before there is a machine. */
struct devices_plan {
	struct block_setup blocks[DEVICES_MAX];
	unsigned block_count;
	bool net, net_silent, vsock;
	bool no_words; /* the driver has to find them in the DSDT */
};

unsigned devices_count(const struct devices_plan *plan);

/** `out` stays where it is. */
void devices_create(struct devices *out, const struct devices_plan *plan, struct ram *ram,
		    struct machine *machine);

/** The kernel's command line with Firecracker's words for the devices; to be freed. */
char *devices_cmdline(const struct devices_plan *plan, const char *cmdline);

/** A register access; false: there is nothing at this address. */
bool devices_access(struct devices *devices, uint64_t gpa, uint8_t *data, uint32_t bytes,
		    bool write);

/** The guest's services are ready: asks them. */
void devices_ask(struct devices *devices);

/** True once: all that were asked have answered. */
bool devices_all_answered(struct devices *devices);
