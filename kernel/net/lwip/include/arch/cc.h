/* SPDX-License-Identifier: BSD-3-Clause */
/* What lwIP wants to know of compiler and kernel. */
#pragma once

#include <base/compiler.h>
#include <base/types.h>

#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_CTYPE_H 1
#ifndef SSIZE_MAX
#define SSIZE_MAX LONG_MAX
#endif

/* <base/compiler.h> has a macro of the usual name. */
#define PACK_STRUCT_STRUCT __attribute__((__packed__))

/* Of messages that are not built. */
#define X8_F "02x"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"

#define lwip_htons(x) __builtin_bswap16((uint16_t)(x))
#define lwip_htonl(x) __builtin_bswap32((uint32_t)(x))

uint32_t lwip_random(void);
#define LWIP_RAND() lwip_random()

_Noreturn void lwip_assertion_failed(int line, const char *function);
#define LWIP_PLATFORM_ASSERT(message) lwip_assertion_failed(__LINE__, __func__)
#define LWIP_PLATFORM_DIAG(message) ((void)0)

uint16_t checksum_of(const void *data, int bytes);
