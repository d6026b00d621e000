/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An HTTP/1.1 server on epoll, with connections kept alive, for tests and benchmarks: every GET is answered by 612 bytes, or by the
 * file FILE. /proc/... is answered by that file; /quit ends the server, which tells what it has seen.
 *
 *	httpd [PORT [FILE]]
 *
 * mark_ready() is reached when it listens, mark_begin() and mark_end() after MARK_FIRST and MARK_LAST requests; benchmarks count
 * instructions up to the first, and between the others.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BODY_BYTES = 612, EVENTS = 64, REQUEST_MAX = 4096, FDS_MAX = 1 << 17 };
enum { MARK_FIRST = 4000, MARK_LAST = 14000 };

/* A connection that has something left over: part of a request, or an answer that did not fit. */
struct rest {
	size_t bytes;      /* of the request */
	off_t file_offset; /* of the file; -1: none is being sent */
	bool close;        /* when the answer is out */
	char request[REQUEST_MAX];
};

static struct rest *rests[FDS_MAX];
static int epoll_fd, file_fd = -1;
static off_t file_bytes;
static unsigned long requests, connections, errors;
static char answer[1024], closing_answer[1024];
static size_t answer_bytes, closing_bytes;

void mark_ready(void);
void mark_begin(void);
void mark_end(void);

__attribute__((noinline)) void mark_ready(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void mark_begin(void)
{
	__asm__ volatile("");
}

__attribute__((noinline)) void mark_end(void)
{
	__asm__ volatile("");
}

static size_t make_answer(char *to, const char *connection)
{
	int n = sprintf(to,
			"HTTP/1.1 200 OK\r\nServer: capuchin-test\r\n"
			"Date: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html\r\n"
			"Content-Length: %ld\r\nLast-Modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
			"Connection: %s\r\nAccept-Ranges: bytes\r\n\r\n",
			file_fd >= 0 ? (long)file_bytes : (long)BODY_BYTES, connection);

	if (file_fd < 0)
		for (int i = 0; i < BODY_BYTES; i++)
			to[n++] = (char)(i % 61 == 60 ? '\n' : 'a' + i % 26);
	return (size_t)n;
}

static void end_connection(int fd)
{
	free(rests[fd]);
	rests[fd] = NULL;
	close(fd);
}

static struct rest *rest_of(int fd)
{
	if (!rests[fd]) {
		rests[fd] = malloc(sizeof *rests[fd]);
		if (!rests[fd])
			abort();
		rests[fd]->bytes = 0;
		rests[fd]->file_offset = -1;
		rests[fd]->close = false;
	}
	return rests[fd];
}

static void watch(int fd, uint32_t events, int how)
{
	struct epoll_event e = { .events = events, .data.fd = fd };

	if (epoll_ctl(epoll_fd, how, fd, &e))
		abort();
}

/* False: the connection is gone, or waits. */
static bool send_file(int fd, struct rest *rest)
{
	while (rest->file_offset < file_bytes) {
		ssize_t n = sendfile(fd, file_fd, &rest->file_offset,
				     (size_t)(file_bytes - rest->file_offset));

		if (n < 0 && errno == EAGAIN) {
			watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
			return false;
		}
		if (n <= 0) {
			errors++;
			end_connection(fd);
			return false;
		}
	}
	rest->file_offset = -1;
	if (rest->close) {
		end_connection(fd);
		return false;
	}
	return true;
}

static void quit(int fd)
{
	char text[256];
	int body = snprintf(text, sizeof text, "requests %lu connections %lu errors %lu\n",
			    requests, connections, errors);
	char all[512];
	int n = snprintf(all, sizeof all,
			 "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			 body, text);

	if (send(fd, all, (size_t)n, 0) != n)
		errors++;
	close(fd);
	fputs(text, stdout);
	exit(0);
}

/* A file of /proc, for tests that look for leaks; the connection ends. */
static void send_proc(int fd, const char *request)
{
	char text[8192], path[64], head[128];
	ssize_t n = -1;

	if (sscanf(request, "GET %63s", path) == 1) {
		int file = open(path, O_RDONLY);

		n = read(file, text, sizeof text);
		close(file);
	}
	int length = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nConnection: close\r\n\r\n",
			      n < 0 ? "404 Not Found" : "200 OK");
	if (send(fd, head, (size_t)length, MSG_MORE) != length ||
	    (n > 0 && send(fd, text, (size_t)n, 0) != n))
		errors++;
	end_connection(fd);
}

/* Whether a request asks for the connection's end: by its version, or by a line. */
static bool asks_for_end(const char *request)
{
	const char *line = strchr(request, '\n');
	bool ends = line && line - request > 2 && line[-2] == '0'; /* HTTP/1.0 */

	for (; line; line = strchr(line + 1, '\n'))
		if ((line[1] | 32) == 'c' && !strncasecmp(line + 1, "connection: ", 12))
			ends = (line[13] | 32) == 'c';
	return ends;
}

/* The first byte behind a whole request; NULL: its end has not come yet. */
static char *end_of_request(char *bytes)
{
	for (char *line = strchr(bytes, '\n'); line; line = strchr(line + 1, '\n'))
		if (line[1] == '\r' && line[2] == '\n')
			return line + 3;
	return NULL;
}

/* Those that are not about the page. */
static bool is_special(int fd, const char *request)
{
	if (request[5] == 'q' && !strncmp(request, "GET /quit", 9))
		quit(fd);
	if (request[5] != 'p' || strncmp(request, "GET /proc/", 10))
		return false;
	send_proc(fd, request);
	return true;
}

/* One whole request. False: the connection is gone, or waits. */
static bool serve(int fd, const char *request)
{
	bool ends = asks_for_end(request);

	if (is_special(fd, request))
		return false;
	if (++requests == MARK_FIRST)
		mark_begin();
	else if (requests == MARK_LAST)
		mark_end();
	const char *text = ends ? closing_answer : answer;
	size_t bytes = ends ? closing_bytes : answer_bytes;
	if (send(fd, text, bytes, file_fd >= 0 ? MSG_MORE : 0) != (ssize_t)bytes) {
		errors++;
		end_connection(fd);
		return false;
	}
	if (file_fd >= 0) {
		struct rest *rest = rest_of(fd);

		rest->file_offset = 0;
		rest->close = ends;
		return send_file(fd, rest);
	}
	if (ends)
		end_connection(fd);
	return !ends;
}

/* Whole requests are served, what remains is kept. */
static void take(int fd, char *bytes, size_t count)
{
	char *end;

	bytes[count] = '\0';
	while ((end = end_of_request(bytes)) != NULL) {
		size_t used = (size_t)(end - bytes);
		char next = bytes[used];

		bytes[used] = '\0';
		if (!serve(fd, bytes))
			return;
		bytes[used] = next;
		bytes += used;
		count -= used;
	}
	if (count) {
		struct rest *rest = rest_of(fd);

		memmove(rest->request, bytes, count);
		rest->bytes = count;
	} else if (rests[fd]) {
		rests[fd]->bytes = 0;
	}
}

static void on_readable(int fd)
{
	char buffer[REQUEST_MAX + 1];
	size_t had = rests[fd] ? rests[fd]->bytes : 0;
	ssize_t n;

	if (had)
		memcpy(buffer, rests[fd]->request, had);
	if (had == REQUEST_MAX) {
		errors++;
		end_connection(fd);
		return;
	}
	n = recv(fd, buffer + had, REQUEST_MAX - had, 0);
	if (n > 0)
		take(fd, buffer, had + (size_t)n);
	else if (!n || errno != EAGAIN)
		end_connection(fd);
}

static void on_event(const struct epoll_event *e)
{
	int fd = e->data.fd;

	if (e->events & EPOLLOUT) {
		if (send_file(fd, rests[fd]))
			watch(fd, EPOLLIN, EPOLL_CTL_MOD);
	} else {
		on_readable(fd);
	}
}

static void accept_all(int listener)
{
	int fd, on = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= FDS_MAX) {
			close(fd);
			errors++;
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		connections++;
		watch(fd, EPOLLIN, EPOLL_CTL_ADD);
	}
}

static int listen_on(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096)) {
		perror("httpd");
		exit(1);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS];
	int listener = listen_on(argc > 1 ? atoi(argv[1]) : 80);

	struct rlimit files;

	signal(SIGPIPE, SIG_IGN);
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	if (argc > 2) {
		struct stat st;

		file_fd = open(argv[2], O_RDONLY);
		if (file_fd < 0 || fstat(file_fd, &st)) {
			perror(argv[2]);
			return 1;
		}
		file_bytes = st.st_size;
	}
	answer_bytes = make_answer(answer, "keep-alive");
	closing_bytes = make_answer(closing_answer, "close");
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	watch(listener, EPOLLIN, EPOLL_CTL_ADD);
	mark_ready();
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int n = epoll_wait(epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				accept_all(listener);
			else
				on_event(&events[i]);
		}
	}
}
