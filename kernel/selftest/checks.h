/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of the self-test, in the order in which they run. Thread context. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

/** machine.c: boot protocol, hypervisor, processor. */
void check_machine(void);

/** clock.c: false where the clock stands still, or timer interrupts do not come: nothing that waits can be tried then. */
bool must_check check_clock(void);

/** memory.c: the map, and patterns in what is free. */
void check_memory(void);

/** devices.c: what there is; entropy, balloon. */
void check_devices(void);

/** disk.c: every disk is read; those marked as scratch are written too. */
void check_disks(void);

/** network.c: interfaces, addresses, gateways. */
void check_network(void);

/** metadata.c: Firecracker's metadata service, where selftest.metadata asks for it. */
void check_metadata(void);

/** services.c: the echo and HTTP services; they run from here on. */
void check_services(void);

/** Whether somebody has asked for the page that ends the self-test. */
bool services_ended(void);

/** vsock.c */
void check_vsock(void);

/** devices.c: whether none of them has failed meanwhile. */
void check_tree(void);

/** beat.c: for who suspends the machine, or asks its services. */
void beat(void);
