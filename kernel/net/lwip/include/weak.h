/* SPDX-License-Identifier: BSD-3-Clause */
/* Included in front of lwIP's pbuf.c: what packet.c has instead. */
#pragma once

#pragma weak pbuf_alloc
