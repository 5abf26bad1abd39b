// SPDX-License-Identifier: GPL-2.0
/* See device.h: descriptions. device_attach.c has the rest. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cmd.h"
#include "device.h"

#define MTU_MIN 68
#define MTU_MAX 9000

/* --- words --- */

/* Cuts the next piece off *rest, up to a comma, without blanks around it. */
static char *next_piece(char **rest)
{
	char *piece = *rest, *end;

	if (!piece)
		return NULL;
	*rest = strchr(piece, ',');
	if (*rest)
		*(*rest)++ = '\0';
	while (isspace((unsigned char)*piece))
		piece++;
	end = piece + strlen(piece);
	while (end > piece && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return piece;
}

bool parse_amount(const char *text, uint64_t *amount)
{
	static const char units[] = "kmgt";
	const char *unit;
	unsigned long long n, most = 1ULL << 50;
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (*end) {
		unit = strchr(units, tolower((unsigned char)*end));
		if (!unit || end[1])
			return false;
		shift = 10 * (unit - units + 1);
	}
	if (errno || n > most >> shift)
		return false;
	*amount = n << shift;
	return true;
}

static bool parse_small(const char *text, unsigned int min, unsigned int max,
			uint16_t *value)
{
	uint64_t n;

	if (!parse_amount(text, &n) || n < min || n > max)
		return false;
	*value = n;
	return true;
}

static int copy_text(char *to, size_t size, const char *key, const char *text,
		     struct complaint *c)
{
	if (strlen(text) >= size)
		return complain(
			c, "%s: found %zu characters, expected at most %zu",
			key, strlen(text), size - 1);
	strcpy(to, text);
	return 0;
}

/* --- names of disks --- */

bool vdev_parse(const char *text, uint16_t *index)
{
	static const char *const prefix[] = { "lvd", "xvd", "vd", "sd", "hd" };
	unsigned int i, n = 0;
	size_t size;

	for (i = 0; i < ARRAY_SIZE(prefix); i++) {
		size = strlen(prefix[i]);
		if (!strncmp(text, prefix[i], size))
			break;
	}
	if (i == ARRAY_SIZE(prefix))
		return false;
	text += size;
	if (!*text || strlen(text) > 2)
		return false;
	for (; *text; text++) {
		if (*text < 'a' || *text > 'z')
			return false;
		n = 26 * n + (*text - 'a' + 1);
	}
	if (n > LODGE_DEVICE_SLOTS)
		return false;
	*index = n - 1;
	return true;
}

void vdev_name(uint16_t index, char name[8])
{
	if (index < 26)
		snprintf(name, 8, "lvd%c", 'a' + index);
	else
		snprintf(name, 8, "lvd%c%c", 'a' + index / 26 % 26 - 1,
			 'a' + index % 26);
}

void device_name(const struct lodge_dev_device *d, char name[8])
{
	if (d->type == LODGE_DEVICE_BLOCK)
		vdev_name(d->index, name);
	else
		snprintf(name, 8, "%u", d->index);
}

void mac_format(const uint8_t m[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
		 m[3], m[4], m[5]);
}

/* --- limits --- */

/* xl's: "10Mb/s" are bits, "1MB/s" bytes, per second; "@20ms" is let go. */
static bool parse_rate(const char *text, uint64_t *bytes)
{
	unsigned long long n, unit = 1;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	n = strtoull(text, &end, 10);
	switch (*end) {
	case 'G':
		unit *= 1000; /* falls through */
	case 'M':
		unit *= 1000; /* falls through */
	case 'K':
	case 'k':
		unit *= 1000;
		end++;
		break;
	}
	if (errno || n > (1ULL << 50) / unit ||
	    (strncmp(end, "b/s", 3) && strncmp(end, "B/s", 3)) ||
	    (end[3] && end[3] != '@'))
		return false;
	*bytes = *end == 'b' ? n * unit / 8 : n * unit;
	return true;
}

int limit_parse(uint16_t type, const char *key, const char *value,
		struct lodge_dev_limit *l, struct complaint *c)
{
	const bool net = type == LODGE_DEVICE_NET;
	const struct {
		const char *key;
		uint64_t *amount;
	} keys[] = {
		{ "bps", &l->bytes },
		{ "bps_burst", &l->bytes_burst },
		{ net ? "pps" : "iops", &l->operations },
		{ net ? "pps_burst" : "iops_burst", &l->operations_burst },
	};

	if (net && !strcmp(key, "rate")) {
		if (parse_rate(value, &l->bytes))
			return 1;
		return complain(
			c,
			"rate: found \"%.40s\", expected a rate such as "
			"\"10Mb/s\" (bits) or \"1MB/s\" (bytes)",
			value);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].key))
			continue;
		if (parse_amount(value, keys[i].amount))
			return 1;
		return complain(
			c,
			"%s: found \"%.40s\", expected a number, with k, "
			"M or G behind it if you like; 0: no limit",
			key, value);
	}
	return 0;
}

/* --- disks --- */

static int take_vdev(struct device_spec *s, const char *value,
		     struct complaint *c)
{
	if (vdev_parse(value, &s->dev.index))
		return 0;
	return complain(c,
			"vdev: found \"%.40s\", expected lvda, lvdb and so on",
			value);
}

static int take_format(const char *value, struct complaint *c)
{
	if (!*value || !strcmp(value, "raw"))
		return 0;
	return complain(
		c,
		"format: found \"%.40s\", expected raw (qemu-nbd makes a "
		"block device of others)",
		value);
}

static int take_access(struct device_spec *s, const char *value,
		       struct complaint *c)
{
	if (!strcmp(value, "r") || !strcmp(value, "ro"))
		s->dev.flags |= LODGE_DEV_READ_ONLY;
	else if (*value && strcmp(value, "w") && strcmp(value, "rw"))
		return complain(
			c, "access: found \"%.40s\", expected r, ro, w or rw",
			value);
	return 0;
}

static int take_queues(struct device_spec *s, const char *value,
		       struct complaint *c)
{
	if (parse_small(value, 1, LODGE_DEVICE_QUEUES, &s->dev.queues))
		return 0;
	return complain(c, "queues: found \"%.40s\", expected 1 to %u", value,
			LODGE_DEVICE_QUEUES);
}

/* The guest makes file names of it. */
static int take_serial(struct device_spec *s, const char *value,
		       struct complaint *c)
{
	for (const char *p = value; *p; p++)
		if (!isascii(*p) || !isgraph((unsigned char)*p) || *p == '/')
			return complain(
				c,
				"serial: found \"%.40s\", expected letters, "
				"digits and signs, but no blank and no /",
				value);
	return copy_text(s->dev.serial, sizeof(s->dev.serial), "serial", value,
			 c);
}

static int take_disk_key(struct device_spec *s, const char *key,
			 const char *value, struct complaint *c)
{
	int is_limit =
		limit_parse(LODGE_DEVICE_BLOCK, key, value, &s->dev.limit, c);

	if (is_limit)
		return is_limit < 0 ? -1 : 0;
	if (!strcmp(key, "target"))
		return copy_text(s->target, sizeof(s->target), key, value, c);
	if (!strcmp(key, "format"))
		return take_format(value, c);
	if (!strcmp(key, "vdev"))
		return take_vdev(s, value, c);
	if (!strcmp(key, "access"))
		return take_access(s, value, c);
	if (!strcmp(key, "queues"))
		return take_queues(s, value, c);
	if (!strcmp(key, "serial"))
		return take_serial(s, value, c);
	if (!strcmp(key, "block_size")) {
		if (strcmp(value, "512") && strcmp(value, "4096"))
			return complain(c,
					"block_size: found \"%.40s\", expected "
					"512 or 4096",
					value);
		s->block_size = atoi(value);
		return 0;
	}
	return complain(c,
			"found the key `%.40s`, expected target, format, vdev, "
			"access, serial, queues, block_size, bps, iops, "
			"bps_burst or iops_burst",
			key);
}

static int take_disk_place(struct device_spec *s, unsigned int place,
			   const char *value, struct complaint *c)
{
	switch (place) {
	case 0:
		return copy_text(s->target, sizeof(s->target), "target", value,
				 c);
	case 1:
		return take_format(value, c);
	case 2:
		return *value ? take_vdev(s, value, c) : 0;
	case 3:
		return take_access(s, value, c);
	default:
		return complain(
			c,
			"found \"%.40s\" as number %u, expected TARGET, "
			"FORMAT, VDEV, ACCESS, and then KEY=VALUE alone",
			value, place + 1);
	}
}

int disk_parse(const char *text, struct device_spec *s, struct complaint *c)
{
	char copy[1024], *rest = copy, *piece, *equals;
	unsigned int place = 0;
	int err;

	*s = (struct device_spec){
		.dev.type = LODGE_DEVICE_BLOCK,
		.dev.index = LODGE_DEV_ANY_INDEX,
		.block_size = 512,
	};
	if (strlen(text) >= sizeof(copy))
		return complain(c, "found %zu characters, expected at most %zu",
				strlen(text), sizeof(copy) - 1);
	strcpy(copy, text);
	while ((piece = next_piece(&rest))) {
		equals = strchr(piece, '=');
		if (equals && *piece != '/') {
			*equals = '\0';
			err = take_disk_key(s, piece, equals + 1, c);
		} else {
			err = take_disk_place(s, place++, piece, c);
		}
		if (err)
			return err;
	}
	if (!*s->target)
		return complain(c, "found no target, expected the path of a "
				   "block device or of a file");
	snprintf(s->dev.source, sizeof(s->dev.source), "%s", s->target);
	return 0;
}

/* --- network devices --- */

static bool parse_mac(const char *text, uint8_t mac[6])
{
	unsigned int any = 0;

	if (strlen(text) != 17)
		return false;
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? text[i] != ':' :
				 !isxdigit((unsigned char)text[i]))
			return false;
	for (int i = 0; i < 6; i++)
		any |= mac[i] = strtoul(text + 3 * i, NULL, 16);
	return any && !(mac[0] & 1); /* an address of one machine */
}

static int take_mac(struct device_spec *s, const char *value,
		    struct complaint *c)
{
	if (parse_mac(value, s->dev.mac))
		return 0;
	return complain(c,
			"mac: found \"%.40s\", expected an address such as "
			"02:00:00:12:34:56, with an even first byte",
			value);
}

static int take_vif_key(struct device_spec *s, const char *key,
			const char *value, struct complaint *c)
{
	static const char *const ignored[] = { "vifname", "type", "model",
					       "script",  "ip",	  "backend" };
	int is_limit =
		limit_parse(LODGE_DEVICE_NET, key, value, &s->dev.limit, c);

	if (is_limit)
		return is_limit < 0 ? -1 : 0;
	if (!strcmp(key, "mac"))
		return take_mac(s, value, c);
	if (!strcmp(key, "bridge"))
		return copy_text(s->dev.bridge, sizeof(s->dev.bridge), key,
				 value, c);
	if (!strcmp(key, "queues"))
		return take_queues(s, value, c);
	if (!strcmp(key, "mtu")) {
		if (parse_small(value, MTU_MIN, MTU_MAX, &s->dev.mtu))
			return 0;
		return complain(c, "mtu: found \"%.40s\", expected %u to %u",
				value, MTU_MIN, MTU_MAX);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(ignored); i++) {
		if (strcmp(key, ignored[i]))
			continue;
		snprintf(s->warning, sizeof(s->warning),
			 "%s means nothing here, and is ignored", key);
		return 0;
	}
	return complain(c,
			"found the key `%.40s`, expected mac, bridge, mtu, "
			"queues, rate, bps, pps, bps_burst or pps_burst",
			key);
}

int vif_parse(const char *text, struct device_spec *s, struct complaint *c)
{
	char copy[512], *rest = copy, *piece, *equals;

	*s = (struct device_spec){
		.dev.type = LODGE_DEVICE_NET,
		.dev.index = LODGE_DEV_ANY_INDEX,
	};
	if (strlen(text) >= sizeof(copy))
		return complain(c, "found %zu characters, expected at most %zu",
				strlen(text), sizeof(copy) - 1);
	strcpy(copy, text);
	while ((piece = next_piece(&rest))) {
		if (!*piece)
			continue;
		equals = strchr(piece, '=');
		if (!equals)
			return complain(
				c,
				"found \"%.40s\", expected KEY=VALUE, such "
				"as bridge=br0",
				piece);
		*equals = '\0';
		if (take_vif_key(s, piece, equals + 1, c))
			return -1;
	}
	return 0;
}
