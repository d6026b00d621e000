/* SPDX-License-Identifier: BSD-3-Clause */
/* inotify: what is told of files and directories, in which order, and what a watch is. Prints all events. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int in;
static _Alignas(8) char buffer[65536];
static uint32_t cookie;

static void show(const struct inotify_event *event)
{
	static const char *const names[] = {
		"access",     "modify",   "attrib",   "close_write", "close_nowrite", "open",
		"moved_from", "moved_to", "create",   "delete",      "delete_self",   "move_self",
		"",           "unmount",  "overflow", "ignored"
	};

	printf("  %d", event->wd);
	for (int i = 0; i < 16; i++)
		if (event->mask >> i & 1)
			printf(" %s", names[i]);
	if (event->mask & IN_ISDIR)
		printf(" isdir");
	if (event->cookie) {
		printf(" cookie %s", event->cookie == cookie ? "same" : "new");
		cookie = event->cookie;
	}
	printf(" length %u %s\n", event->len, event->len ? event->name : "");
}

static void show_all(const char *title)
{
	ssize_t count;

	printf("%s\n", title);
	while ((count = read(in, buffer, sizeof buffer)) > 0)
		for (char *at = buffer; at < buffer + count;) {
			const struct inotify_event *event = (void *)at;
			show(event);
			at += sizeof *event + event->len;
		}
	CHECK_EQ(errno, EAGAIN);
	fflush(stdout);
}

static int touch(const char *path)
{
	return open(path, O_CREAT | O_RDWR, 0600);
}

static void show_directory(void)
{
	char bytes[4];

	REQUIRE(mkdir("dir", 0700) == 0);
	CHECK_EQ(inotify_add_watch(in, "dir", IN_ALL_EVENTS), 1);
	int fd = touch("dir/file");
	show_all("create");
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(pread(fd, bytes, 2, 0), 2);
	show_all("write, read");
	CHECK_EQ(ftruncate(fd, 1), 0);
	CHECK_EQ(fchmod(fd, 0644), 0);
	close(fd);
	show_all("truncate, chmod, close");
	close(open("dir/file", O_RDONLY));
	show_all("open to read");
	CHECK_EQ(link("dir/file", "dir/another"), 0);
	show_all("link");
	CHECK_EQ(symlink("x", "dir/symbolic"), 0);
	CHECK_EQ(mkdir("dir/sub", 0700), 0);
	show_all("symlink, mkdir");
	CHECK_EQ(rename("dir/file", "dir/a name of more than sixteen bytes"), 0);
	CHECK_EQ(rename("dir/another", "outside"), 0);
	CHECK_EQ(rename("outside", "dir/back"), 0);
	show_all("renames");
	CHECK_EQ(rename("dir/sub", "dir/renamed"), 0);
	show_all("rename of a directory");
	CHECK_EQ(rmdir("dir/renamed"), 0);
	CHECK_EQ(unlink("dir/symbolic"), 0);
	show_all("rmdir, unlink");
	CHECK_EQ(truncate("dir/back", 100), 0);
	CHECK_EQ(chmod("dir", 0755), 0);
	show_all("truncate, chmod of the directory");
	CHECK_EQ(unlink("dir/back"), 0);
	CHECK_EQ(unlink("dir/a name of more than sixteen bytes"), 0);
	show_all("unlink");
	CHECK_EQ(rename("dir", "moved"), 0);
	CHECK_EQ(rmdir("moved"), 0);
	show_all("the directory itself");
	CHECK_ERROR(inotify_rm_watch(in, 1), EINVAL);
}

static void show_file(void)
{
	int fd = touch("file");

	CHECK_EQ(inotify_add_watch(in, "file", IN_ALL_EVENTS), 2);
	CHECK_EQ(write(fd, "abc", 3), 3);
	close(fd);
	show_all("a file");
	CHECK_EQ(link("file", "second"), 0);
	CHECK_EQ(unlink("file"), 0);
	show_all("a link made, one removed");
	CHECK_EQ(rename("second", "third"), 0);
	show_all("moved");
	CHECK_EQ(unlink("third"), 0);
	show_all("removed");
}

/* A file that another takes the place of. */
static void show_replaced(void)
{
	close(touch("new"));
	close(touch("old"));
	CHECK_EQ(inotify_add_watch(in, "old", IN_ALL_EVENTS), 3);
	CHECK_EQ(inotify_add_watch(in, "new", IN_ALL_EVENTS), 4);
	CHECK_EQ(rename("new", "old"), 0);
	show_all("replaced");
	CHECK_EQ(unlink("old"), 0);
	show_all("gone");
}

static void show_masks(void)
{
	int fd = touch("file");

	int wd = inotify_add_watch(in, "file", IN_MODIFY);
	CHECK_EQ(wd, 5);
	CHECK_EQ(inotify_add_watch(in, "file", IN_CLOSE_WRITE), wd);
	CHECK_EQ(write(fd, "abc", 3), 3);
	show_all("replaced mask");
	CHECK_EQ(inotify_add_watch(in, "file", IN_MODIFY | IN_MASK_ADD), wd);
	CHECK_EQ(write(fd, "abc", 3), 3);
	close(fd);
	show_all("added mask");
	CHECK_ERROR(inotify_add_watch(in, "file", IN_MODIFY | IN_MASK_CREATE), EEXIST);
	CHECK_ERROR(inotify_add_watch(in, "file", IN_MODIFY | IN_MASK_CREATE | IN_MASK_ADD),
		    EINVAL);
	CHECK_EQ(inotify_rm_watch(in, wd), 0);
	show_all("watch removed");
	wd = inotify_add_watch(in, "file", IN_OPEN | IN_ONESHOT);
	CHECK_EQ(wd, 6);
	close(open("file", O_RDONLY));
	close(open("file", O_RDONLY));
	show_all("once");
	CHECK_ERROR(inotify_add_watch(in, "file", IN_OPEN | IN_ONLYDIR), ENOTDIR);
	CHECK_ERROR(inotify_add_watch(in, "absent", IN_OPEN), ENOENT);
	CHECK_ERROR(inotify_add_watch(in, "file", 0), EINVAL);
	CHECK_ERROR(inotify_add_watch(-1, "file", IN_OPEN), EBADF);
	CHECK_ERROR(inotify_rm_watch(in, 99), EINVAL);
	CHECK_EQ(symlink("file", "link"), 0);
	CHECK_EQ(inotify_add_watch(in, "link", IN_ALL_EVENTS | IN_DONT_FOLLOW), 7);
	close(open("link", O_RDONLY));
	show_all("a symbolic link");
	CHECK_EQ(unlink("link"), 0);
	CHECK_EQ(unlink("file"), 0);
	show_all("removed");
}

static void check_reading(void)
{
	struct pollfd poll_fd = { in, POLLIN | POLLRDNORM, 0 };
	int count;

	REQUIRE(mkdir("dir", 0700) == 0);
	CHECK_EQ(inotify_add_watch(in, "dir", IN_CREATE), 8);
	CHECK_EQ(poll(&poll_fd, 1, 0), 0);
	CHECK_EQ(ioctl(in, FIONREAD, &count), 0);
	CHECK_EQ(count, 0);
	close(touch("dir/abc"));
	close(touch("dir/sixteen bytes ok"));
	CHECK_EQ(poll(&poll_fd, 1, 0), 1);
	CHECK_EQ(poll_fd.revents, POLLIN | POLLRDNORM);
	CHECK_EQ(ioctl(in, FIONREAD, &count), 0);
	CHECK_EQ(count, 32 + 48);
	CHECK_ERROR(read(in, buffer, 31), EINVAL);
	CHECK_EQ(read(in, buffer, 79), 32);
	CHECK_EQ(read(in, buffer, 79), 48);
	CHECK_ERROR(read(in, buffer, 79), EAGAIN);
	/* Too many: the rest is lost. */
	for (int i = 0; i < 9000; i++) {
		CHECK_EQ(mkdir("dir/x", 0700), 0);
		CHECK_EQ(rmdir("dir/x"), 0);
		CHECK_EQ(mkdir("dir/y", 0700), 0);
		CHECK_EQ(rmdir("dir/y"), 0);
	}
	long events = 0, overflows = 0;
	ssize_t bytes;
	while ((bytes = read(in, buffer, sizeof buffer)) > 0)
		for (char *at = buffer; at < buffer + bytes;) {
			const struct inotify_event *event = (void *)at;
			events++;
			if (event->mask == IN_Q_OVERFLOW) {
				overflows++;
				CHECK_EQ(event->wd, -1);
			}
			at += sizeof *event + event->len;
		}
	printf("%ld events, %ld overflows\n", events, overflows);
	close(in);
}

int main(void)
{
	in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	REQUIRE(in >= 0);
	CHECK_EQ(fcntl(in, F_GETFD), FD_CLOEXEC);
	show_directory();
	show_file();
	show_replaced();
	show_masks();
	check_reading();
	return check_done("inotify");
}
