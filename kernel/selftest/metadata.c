/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Firecracker's metadata service, with `selftest.metadata`: an HTTP server that the VMM has behind the network (its docs/mmds). Version 2
 * wants a token, which it gives for the asking. What it tells is shown in pieces, for who knows what that should be.
 */
#include "checks.h"

#include <base/assert.h>
#include <base/bits.h>
#include <base/errno.h>
#include <base/format.h>
#include <base/string.h>
#include <core/params.h>
#include <core/time.h>
#include <mm/alloc.h>

#include "report.h"
#include "sockets.h"

enum {
	ANSWER_BYTES = 64 << 10, /* the service keeps 50 KiB, where nobody says otherwise */
	REQUEST_BYTES = 512,
	TOKEN_BYTES_MAX = 256,
	PIECE_BYTES = 128,
};
#define PATIENCE_NS (10 * NS_PER_S)

static const uint8_t server_ip[4] = { 169, 254, 169, 254 };

/* --- HTTP --- */

/* Behind the first `word` in `text`; NULL: it is not there. */
static const char *find_behind(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (; *text; text++)
		if (!strncmp(text, word, length))
			return text + length;
	return NULL;
}

/* 1: *body is what was asked for, all of it; 0: more has to come. */
static int parse(const char *answer, const char **body)
{
	static const char well[] = "HTTP/1.1 200";
	const char *end = find_behind(answer, "\r\n\r\n");
	const char *length = find_behind(answer, "\r\nContent-Length: ");
	uint64_t bytes;

	if (!end)
		return 0;
	if (strncmp(answer, well, sizeof well - 1) || !length || length > end ||
	    !params_read_number(&length, &bytes))
		return -EBADMSG;
	*body = end;
	return strlen(end) >= bytes;
}

/* `answer` has ANSWER_BYTES. */
static int receive_answer(struct socket *socket, char *answer, const char **body)
{
	size_t bytes = 0;
	int parsed = 0;

	while (!parsed && bytes < ANSWER_BYTES - 1) {
		ssize_t got = socket_receive_some(socket, answer + bytes, ANSWER_BYTES - 1 - bytes,
						  NULL);

		if (got <= 0)
			return got ? (int)got : -EPIPE;
		bytes += (size_t)got;
		answer[bytes] = '\0';
		parsed = parse(answer, body);
	}
	return parsed > 0 ? 0 : parsed ? parsed : -EMSGSIZE;
}

static int ask(const char *request, char *answer, const char **body)
{
	union socket_address server = address_inet(server_ip, PORT_HTTP);
	struct socket *socket;
	int error = socket_make(AF_INET, SOCK_STREAM, 0, PATIENCE_NS, &socket);

	if (error)
		return error;
	error = socket_connect(socket, &server, SOCKET_ADDRESS_BYTES);
	if (!error)
		error = socket_send_all(socket, request, strlen(request), NULL);
	if (!error)
		error = receive_answer(socket, answer, body);
	socket_close(socket);
	return error;
}

/* --- the service --- */

static int ask_metadata(char *answer, const char **body)
{
	static const char ask_token[] = "PUT /latest/api/token HTTP/1.1\r\n"
					"X-metadata-token-ttl-seconds: 60\r\n\r\n";
	static const char ask_all[] = "GET / HTTP/1.1\r\nAccept: application/json\r\n"
				      "X-metadata-token: %s\r\n\r\n";
	static_assert(sizeof ask_all + TOKEN_BYTES_MAX < REQUEST_BYTES, "it fits");
	char request[REQUEST_BYTES];
	int error = ask(ask_token, answer, body);

	if (!error && strlen(*body) > TOKEN_BYTES_MAX)
		error = -EMSGSIZE;
	if (error)
		return error;
	format(request, sizeof request, ask_all, *body);
	return ask(request, answer, body);
}

static void show(const char *body)
{
	char piece[PIECE_BYTES + 1];

	for (size_t left = strlen(body); left;) {
		size_t bytes = min(left, (size_t)PIECE_BYTES);

		memcpy(piece, body, bytes);
		piece[bytes] = '\0';
		report_value("metadata", "%s", piece);
		body += bytes;
		left -= bytes;
	}
}

void check_metadata(void)
{
	const char *body;
	char *answer;
	int error;

	if (!params_flag("selftest.metadata"))
		return;
	answer = mem_alloc(ANSWER_BYTES);
	error = answer ? ask_metadata(answer, &body) : -ENOMEM;
	if (error) {
		report_fail("metadata", "169.254.169.254 does not tell: error %d", -error);
	} else {
		show(body);
		report_ok("metadata", "169.254.169.254 tells %lu bytes", strlen(body));
	}
	mem_free(answer);
}
