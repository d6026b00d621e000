/* SPDX-License-Identifier: BSD-3-Clause */
/* The console device (virtio 1.2, 5.3), by the specification's names. */
#pragma once

#include <base/bits.h>

#define VIRTIO_CONSOLE_F_EMERG_WRITE BIT64(2)

/** Of the first port. */
enum { VIRTIO_CONSOLE_RECEIVEQ = 0, VIRTIO_CONSOLE_TRANSMITQ = 1 };

enum { VIRTIO_CONSOLE_CONFIG_EMERG_WR = 8 };
