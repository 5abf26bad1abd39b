// SPDX-License-Identifier: GPL-2.0-only
/*
 * All of a small guest's user space: init, that answers. To a line with a
 * number it says its own name, from guest=NAME on the kernel's command line,
 * and seven times the number. Built with the kernel's nolibc.
 */
#include "nolibc.h"

int main(int argc, char **argv)
{
	const char *name = getenv("guest");
	char line[80];
	ssize_t n;

	(void)argc;
	(void)argv;
	printf("%s is ready\n", name ? name : "a guest");
	while ((n = read(0, line, sizeof(line) - 1)) > 0) {
		line[n] = '\0';
		printf("%s says %d\n", name ? name : "a guest", 7 * atoi(line));
	}
	return 1;
}
