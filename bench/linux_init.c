/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first process of a Linux guest of the benchmarks: loads the modules of /modules in the order of their names, gives eth0 the
 * address that QEMU's user network expects, makes /dev, /proc and /tmp, and becomes /program with the arguments it has itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

static void load_modules(void)
{
	struct dirent **names;
	int count = scandir("/modules", &names, NULL, alphasort);
	char path[512];

	for (int i = 0; i < count; i++) {
		int fd;

		if (names[i]->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
			perror(path);
	}
}

static struct sockaddr *address(struct ifreq *request, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&request->ifr_addr;

	memset(in, 0, sizeof *in);
	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
	return (struct sockaddr *)in;
}

static void set_up(int s, const char *name)
{
	struct ifreq request = { 0 };

	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	if (ioctl(s, SIOCGIFFLAGS, &request))
		return;
	request.ifr_flags |= IFF_UP;
	ioctl(s, SIOCSIFFLAGS, &request);
}

static void start_network(void)
{
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	struct ifreq request = { .ifr_name = "eth0" }, gateway;

	set_up(s, "lo");
	address(&request, "10.0.2.15");
	if (ioctl(s, SIOCSIFADDR, &request))
		return; /* there is none */
	address(&request, "255.255.255.0");
	ioctl(s, SIOCSIFNETMASK, &request);
	set_up(s, "eth0");
	route.rt_gateway = *address(&gateway, "10.0.2.2");
	route.rt_dst = route.rt_genmask = *address(&request, "0.0.0.0");
	ioctl(s, SIOCADDRT, &route);
	close(s);
}

int main(int argc, char **argv)
{
	(void)argc;
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("tmp", "/tmp", "tmpfs", 0, NULL);
	load_modules();
	start_network();
	argv[0] = "/program";
	execv("/program", argv);
	perror("/program");
	return 1;
}
