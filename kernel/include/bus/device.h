/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tree of what the machine has, for `devices` on the command line and /sys: buses, and what was found on them, with or
 * without a driver. Filled by the buses, at start.
 */
#pragma once

#include <base/compiler.h>
#include <base/list.h>
#include <base/types.h>

struct device_text;

struct device {
	struct list_node link;
	struct device *parent; /* NULL: the machine */
	const char *bus;       /* "pci", "virtio-mmio" */
	char name[24];         /* its address: "0000:00:02.0", "0xfeb00e00" */
	const char *driver;    /* NULL: none */
	/** What lspci would say of it, one line without the address: ids, class. May be NULL. */
	void (*describe)(const struct device *device, struct device_text *text);
	/** Set by its driver: "eth0 52:54:00:12:34:56 mtu 1500", "vda 10 MiB". May be NULL. */
	void (*describe_class)(const struct device *device, struct device_text *text);
	void *class_device; /* what describe_class() is about */
	bool failed;        /* atomic: its driver could not use it, or it broke its contract */
};

/** Adds to the tree; the device lives until device_remove(). Thread context. */
void device_add(struct device *device);
void device_remove(struct device *device);

/** All of them, parents before their children: the next one; NULL first, NULL last. None may come or go meanwhile. Thread context. */
const struct device *device_next(const struct device *device);

/** Appends to a line. Any context. */
void device_print(struct device_text *text, const char *fmt, ...) printf_like(2, 3);

/** Calls out() for each line of the tree, parents first. Thread context. */
void devices_show(void (*out)(const char *line));
