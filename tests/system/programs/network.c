// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network devices of domains, and what no shell does with a network, for tests
 * of the drivers alone:
 *
 *   network attach DOMID BRIDGE [MTU [PAIRS]]   prints the index
 *   network detach DOMID INDEX [MILLISECONDS|force]
 *   network limit DOMID INDEX BYTES PACKETS [BYTES-BURST PACKETS-BURST]
 *   network show DOMID INDEX            states, error and counts, as JSON
 *   network hear DEVICE PORT SECONDS    counts what "say" says to this port, as
 *                                       it comes in by the device
 *   network segments DEVICE COUNT       sends packets of 2000 bytes of TCP that
 *                                       are to be cut in two, each in one piece
 *   network join DEVICE GROUP SECONDS   receives a multicast group, counts
 *   network say DEVICE ADDRESS PORT COUNT [SECONDS]
 *                                       sends datagrams; waits for an answer,
 *                                       which must be what was sent
 *   network send ADDRESS PORT [FILE]    sends what it reads, by TCP, and waits
 *                                       until all of it has been received
 *   network take ADDRESS PORT           writes what it receives. ADDRESS "-":
 *                                       for both, waits for somebody
 *
 * On an error it prints its name and the reason that there is; status 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <lodge/dev.h>
#include <lodge/io/bus.h>

static struct lodge_dev_device device = { .type = LODGE_DEVICE_NET };
static int fd;

/* --- devices --- */

static int attach(int count, char **word)
{
	device.index = LODGE_DEV_ANY_INDEX;
	snprintf(device.bridge, sizeof(device.bridge), "%s", word[0]);
	if (count > 1)
		device.mtu = atoi(word[1]);
	if (count > 2)
		device.queues = atoi(word[2]);
	if (ioctl(fd, LODGE_DEV_ATTACH, &device))
		return -1;
	printf("%u\n", device.index);
	return 0;
}

static int limit(int count, char **word)
{
	struct lodge_dev_limit l = {
		.domid = device.domid,
		.type = LODGE_DEVICE_NET,
		.index = device.index,
		.bytes = strtoull(word[0], NULL, 0),
		.operations = strtoull(word[1], NULL, 0),
	};

	if (count == 4) {
		l.bytes_burst = strtoull(word[2], NULL, 0);
		l.operations_burst = strtoull(word[3], NULL, 0);
	}
	return ioctl(fd, LODGE_DEV_LIMIT, &l);
}

static int show(void)
{
	int i;

	if (ioctl(fd, LODGE_DEV_DEVICE, &device))
		return -1;
	printf("{\"back\": %u, \"front\": %u, \"generation\": %u, "
	       "\"error\": %d, \"reason\": \"%s\", \"stat\": [",
	       device.back_state, device.front_state, device.generation,
	       device.error, device.reason);
	for (i = 0; i < LODGE_DEV_STATS; i++)
		printf("%s%llu", i ? ", " : "",
		       (unsigned long long)device.stat[i]);
	puts("]}");
	return 0;
}

static int change(const char *verb, int count, char **word)
{
	fd = open(LODGE_DEV, O_RDWR);
	if (fd < 0)
		return -1;
	device.domid = atoi(word[0]);
	if (!strcmp(verb, "attach"))
		return attach(count - 1, word + 1);
	device.index = atoi(word[1]);
	if (!strcmp(verb, "show"))
		return show();
	if (!strcmp(verb, "limit") && count >= 4)
		return limit(count - 2, word + 2);
	if (strcmp(verb, "detach"))
		return errno = EINVAL, -1;
	device.timeout = count > 2 ? atoi(word[2]) : 10000;
	if (count > 2 && !strcmp(word[2], "force"))
		device.flags = LODGE_DEV_FORCE;
	return ioctl(fd, LODGE_DEV_DETACH, &device);
}

/* --- multicast --- */

static int join(const char *name, const char *group, unsigned int seconds)
{
	struct sockaddr_in here = { .sin_family = AF_INET,
				    .sin_port = htons(5555) };
	struct ip_mreqn m = { .imr_ifindex = if_nametoindex(name) };
	struct timeval wait = { .tv_sec = seconds };
	int s = socket(AF_INET, SOCK_DGRAM, 0), count = 0;
	char data[2048];

	inet_aton(group, &m.imr_multiaddr);
	if (s < 0 || bind(s, (void *)&here, sizeof(here)) ||
	    setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof(m)) ||
	    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		return -1;
	while (recv(s, data, sizeof(data), 0) > 0)
		count++;
	printf("%d\n", count);
	return 0;
}

static int say(const char *name, int count, char **word)
{
	struct sockaddr_in there = { .sin_family = AF_INET,
				     .sin_port = htons(atoi(word[1])) };
	struct ip_mreqn m = { .imr_ifindex = if_nametoindex(name) };
	struct timeval wait = { .tv_sec = count > 3 ? atoi(word[3]) : 0 };
	int s = socket(AF_INET, SOCK_DGRAM, 0), i;
	char data[16] = "";

	inet_aton(word[0], &there.sin_addr);
	if (s < 0 ||
	    setsockopt(s, IPPROTO_IP, IP_MULTICAST_IF, &m, sizeof(m)) ||
	    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		return -1;
	for (i = 0; i < atoi(word[2]); i++)
		if (sendto(s, "hello", 6, 0, (void *)&there, sizeof(there)) < 0)
			return -1;
	if (count < 4)
		return 0;
	if (recv(s, data, sizeof(data), 0) < 0)
		return -1;
	errno = EBADMSG;
	return strcmp(data, "hello") ? -1 : 0;
}

static int hear(const char *name, unsigned int port, unsigned int seconds)
{
	struct sockaddr_ll here = { .sll_family = AF_PACKET,
				    .sll_protocol = htons(ETH_P_ALL),
				    .sll_ifindex = if_nametoindex(name) };
	struct timeval wait = { .tv_usec = 100000 };
	int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)), count = 0;
	time_t end = time(NULL) + seconds;
	unsigned char data[2048];

	if (s < 0 || bind(s, (void *)&here, sizeof(here)) ||
	    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)))
		return -1;
	/* Headers of 14, 20 and 8 bytes. */
	while (time(NULL) <= end)
		if (recv(s, data, sizeof(data), 0) >= 48 && data[23] == 17 &&
		    (unsigned int)(data[36] << 8 | data[37]) == port &&
		    !memcmp(data + 42, "hello", 6))
			count++;
	printf("%d\n", count);
	return 0;
}

static int segments(const char *name, unsigned int count)
{
	static struct {
		struct virtio_net_hdr hdr;
		unsigned char data[54 + 2000];
	} __attribute__((packed)) packet = {
		.hdr = { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			 .gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
			 .hdr_len = 54,
			 .gso_size = 1000,
			 .csum_start = 34,
			 .csum_offset = 16 },
		/* To everybody; IPv4, from 10.9.0.9 to 10.9.0.8; TCP */
		.data = { 255,	255,  255,	 255,	     255,  255, 2,
			  0,	0,    0,	 0,	     9,	   8,	0,
			  0x45, 0,    2040 >> 8, 2040 & 255, 0,	   0,	0,
			  0,	64,   6,	 0,	     0,	   10,	9,
			  0,	9,    10,	 9,	     0,	   8,	0x12,
			  0x34, 0x14, 0x51,	 0,	     0,	   0,	1,
			  0,	0,    0,	 1,	     0x50, 0x10 },
	};
	struct sockaddr_ll there = { .sll_family = AF_PACKET,
				     .sll_protocol = htons(ETH_P_IP),
				     .sll_ifindex = if_nametoindex(name) };
	int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), one = 1;

	if (s < 0 ||
	    setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)))
		return -1;
	while (count--)
		if (sendto(s, &packet, sizeof(packet), 0, (void *)&there,
			   sizeof(there)) < 0)
			return -1;
	return 0;
}

/* --- TCP --- */

static int connection(const char *address, unsigned int port)
{
	struct sockaddr_in there = { .sin_family = AF_INET,
				     .sin_port = htons(port) };
	int s, one = 1, tries;

	if (!strcmp(address, "-")) {
		s = socket(AF_INET, SOCK_STREAM, 0);
		setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (bind(s, (void *)&there, sizeof(there)) || listen(s, 1))
			return -1;
		return accept(s, NULL, NULL);
	}
	inet_aton(address, &there.sin_addr);
	for (tries = 0; tries < 100; tries++) {
		s = socket(AF_INET, SOCK_STREAM, 0);
		if (!connect(s, (void *)&there, sizeof(there)))
			return s;
		close(s);
		usleep(50000);
	}
	return -1;
}

static int copy(int from, int to)
{
	static char data[1 << 18];
	ssize_t count, done, n;

	while ((count = read(from, data, sizeof(data))) > 0)
		for (done = 0; done < count; done += n) {
			n = write(to, data + done, count - done);
			if (n < 0)
				return -1;
		}
	return count;
}

static int send_all(int count, char **word)
{
	int s, from = count > 2 ? open(word[2], O_RDONLY) : 0;
	char end;

	if (from < 0)
		return -1;
	s = connection(word[0], atoi(word[1]));
	if (s < 0 || copy(from, s) || shutdown(s, SHUT_WR))
		return -1;
	return read(s, &end, 1); /* the other end has closed */
}

static int take_all(char **word)
{
	int s = connection(word[0], atoi(word[1]));

	return s < 0 ? -1 : copy(s, 1);
}

static int run(int count, char **word)
{
	if (!strcmp(word[0], "send"))
		return send_all(count - 1, word + 1);
	if (!strcmp(word[0], "take"))
		return take_all(word + 1);
	if (!strcmp(word[0], "segments"))
		return segments(word[1], atoi(word[2]));
	if (!strcmp(word[0], "hear") && count == 4)
		return hear(word[1], atoi(word[2]), atoi(word[3]));
	if (!strcmp(word[0], "say") && count >= 5)
		return say(word[1], count - 2, word + 2);
	if (!strcmp(word[0], "join") && count == 4)
		return join(word[1], word[2], atoi(word[3]));
	return change(word[0], count - 1, word + 1);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	if (!run(argc - 1, argv + 1))
		return 0;
	printf("%s %s\n", strerrorname_np(errno), device.reason);
	return 1;
}
