/* SPDX-License-Identifier: GPL-2.0 */
/* What every unit test includes first. */
#ifndef UNIT_TEST_H
#define UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* A test of the name f, for an array of tests. */
#define T(f) cmocka_unit_test(f)
#define RUN(tests) cmocka_run_group_tests(tests, NULL, NULL)

#endif
