// SPDX-License-Identifier: GPL-2.0
/* lodge top: what domains use, live on a terminal or in batches. */
#include <errno.h>
#include <json-c/json.h>
#include <locale.h>
#include <ncurses.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "cmd.h"
#include "output.h"
#include "usage.h"
#include "words.h"

struct top {
	struct lodge *l;
	struct usage_table before, now;
	enum usage_order order;
	bool vcpus, json;
	unsigned long delay, rounds; /* seconds; 0: for ever */
};

static int look(struct top *t)
{
	usage_free(&t->before);
	t->before = t->now;
	return usage_take(t->l, &t->before, &t->now);
}

/* --- batches --- */

static const struct column columns[] = {
	{ "ID", "id" },
	{ "NAME", "name" },
	{ "STATE", "state" },
	{ "CPU%", "cpu_percent" },
	{ "STEAL%", "steal_percent" },
	{ "MEM/MiB", "mib" },
	{ "VCPUS", "vcpus" },
	{ "TIME/s", "time" },
	{ "DISK/(KiB/s)", "disk_kib" },
	{ "NET/(KiB/s)", "net_kib" },
	{ NULL, NULL },
};

static void show_table(struct top *t)
{
	struct output o;
	size_t i;

	output_begin(&o, false, columns);
	for (i = 0; i < t->now.count; i++) {
		const struct usage *u = &t->now.u[i];

		output_number(&o, u->d.domid);
		output_text(&o, u->d.name);
		output_text(&o, state_word(&u->d));
		output_fraction(&o, u->cpu, 1);
		output_fraction(&o, u->stolen, 1);
		output_number(&o, u->d.frames / FRAMES_PER_MIB);
		output_number(&o, u->d.vcpu_up);
		output_fraction(&o, u->d.cpu_time / 1e9, 1);
		output_fraction(&o, u->disk / 1024, 1);
		output_fraction(&o, u->net / 1024, 1);
	}
	output_end(&o);
	putchar('\n');
}

static struct json_object *fraction(double n)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", n);
	return json_object_new_double_s(n, text);
}

static struct json_object *vcpus_json(const struct usage *u)
{
	struct json_object *all = json_object_new_array(), *o;
	uint32_t i;

	for (i = 0; i < u->d.vcpu_count; i++) {
		const struct vcpu_usage *v = &u->vcpu[i];

		o = json_object_new_object();
		json_object_object_add(
			o, "state",
			json_object_new_string(vcpu_state_word(v->state)));
		json_object_object_add(o, "cpu_percent", fraction(v->cpu));
		json_object_object_add(o, "steal_percent", fraction(v->stolen));
		json_object_array_add(all, o);
	}
	return all;
}

/* One line: an array of all domains. */
static void show_json(struct top *t)
{
	struct json_object *all = json_object_new_array(), *o;
	size_t i;

	for (i = 0; i < t->now.count; i++) {
		const struct usage *u = &t->now.u[i];

		o = json_object_new_object();
		json_object_object_add(o, "id",
				       json_object_new_int(u->d.domid));
		json_object_object_add(o, "name",
				       json_object_new_string(u->d.name));
		json_object_object_add(
			o, "state", json_object_new_string(state_word(&u->d)));
		json_object_object_add(o, "cpu_percent", fraction(u->cpu));
		json_object_object_add(o, "steal_percent", fraction(u->stolen));
		json_object_object_add(o, "frames",
				       json_object_new_uint64(u->d.frames));
		json_object_object_add(o, "cpu_time_ns",
				       json_object_new_uint64(u->d.cpu_time));
		json_object_object_add(o, "disk_bytes_per_s",
				       fraction(u->disk));
		json_object_object_add(o, "net_bytes_per_s", fraction(u->net));
		json_object_object_add(o, "vcpus", vcpus_json(u));
		json_object_array_add(all, o);
	}
	puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PLAIN));
	json_object_put(all);
}

static int batches(struct top *t)
{
	unsigned long round;
	int err;

	for (round = 0; !t->rounds || round < t->rounds; round++) {
		sleep(t->delay);
		err = look(t);
		if (err)
			return cmd_error(err, "top");
		usage_sort(&t->now, t->order);
		if (t->json)
			show_json(t);
		else
			show_table(t);
		if (fflush(stdout))
			return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* --- on a terminal --- */

#define WIDE 100 /* columns that have room for devices, too */

static void draw_vcpus(int *line, const struct usage *u)
{
	uint32_t i;

	for (i = 0; i < u->d.vcpu_count && *line < LINES; i++)
		mvprintw((*line)++, 0, "         vCPU %-2u %-18s %7.1f %7.1f",
			 i, vcpu_state_word(u->vcpu[i].state), u->vcpu[i].cpu,
			 u->vcpu[i].stolen);
}

static void draw(struct top *t)
{
	const struct lodge_machine_info *m = &t->now.machine;
	char name[LODGE_NAME_SIZE];
	int line = 3;
	size_t i;

	erase();
	mvprintw(0, 0,
		 "lodge: %u processors, %llu of %llu MiB free, %zu domains",
		 m->cpus, m->free_frames / FRAMES_PER_MIB,
		 m->frames / FRAMES_PER_MIB, t->now.count);
	attron(A_REVERSE);
	mvprintw(2, 0, "%5s  %-20s %-8s %7s %7s %8s %5s %9s", "ID", "NAME",
		 "STATE", "CPU%", "STEAL%", "MEM/MiB", "VCPUS", "TIME/s");
	if (COLS >= WIDE)
		printw(" %10s %10s", "DISK/KiB/s", "NET/KiB/s");
	attroff(A_REVERSE);
	for (i = 0; i < t->now.count && line < LINES - 1; i++) {
		const struct usage *u = &t->now.u[i];

		mvprintw(line++, 0,
			 "%5u  %-20.20s %-8s %7.1f %7.1f %8llu %5u %9.1f",
			 u->d.domid, safe_text(u->d.name, name, sizeof(name)),
			 state_word(&u->d), u->cpu, u->stolen,
			 u->d.frames / FRAMES_PER_MIB, u->d.vcpu_up,
			 u->d.cpu_time / 1e9);
		if (COLS >= WIDE)
			printw(" %10.1f %10.1f", u->disk / 1024,
			       u->net / 1024);
		if (t->vcpus)
			draw_vcpus(&line, u);
	}
	mvprintw(LINES - 1, 0,
		 "q quit  v vCPUs  sort by: c CPU  m memory  i ID  n name");
	refresh();
}

/* False: enough. */
static bool key(struct top *t, int ch)
{
	switch (ch) {
	case 'q':
		return false;
	case 'v':
		t->vcpus = !t->vcpus;
		break;
	case 'c':
		t->order = USAGE_CPU;
		break;
	case 'm':
		t->order = USAGE_MEMORY;
		break;
	case 'i':
		t->order = USAGE_ID;
		break;
	case 'n':
		t->order = USAGE_NAME;
		break;
	}
	return true;
}

static int live(struct top *t)
{
	unsigned long round = 0;
	SCREEN *screen;
	int err, ch;

	setlocale(LC_ALL, "");
	/* initscr() would exit with words of its own. */
	screen = newterm(NULL, stdout, stdin);
	if (!screen)
		return cmd_fail(EXIT_FAILED,
				"this terminal cannot be used; `lodge top -b` "
				"needs none");
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	curs_set(0);
	timeout(t->delay * 1000);
	do {
		err = look(t);
		if (err)
			break;
		do {
			usage_sort(&t->now, t->order);
			draw(t);
			ch = getch();
		} while (ch != ERR && key(t, ch) && ch != 'q');
	} while (ch != 'q' && (!t->rounds || ++round < t->rounds));
	endwin();
	delscreen(screen);
	return err ? cmd_error(err, "top") : EXIT_DONE;
}

static int run(int argc, char **argv)
{
	struct top t = { .order = USAGE_CPU, .delay = 1 };
	bool batch = false;
	const struct option_spec options[] = {
		OPT_FLAG('b', "batch", &batch, "print, without a screen"),
		OPT_NUMBER('n', "rounds", "N", &t.rounds,
			   "end after so many looks"),
		OPT_NUMBER('d', "delay", "SECONDS", &t.delay,
			   "between two looks, 1 if not given"),
		OPT_FLAG(0, "json", &t.json, "batches as one array a line"),
		{ 0 }
	};
	int err;

	cmd_options(&verb_top, options, argc, argv, 0, 0);
	if (!t.delay || t.delay > 3600)
		return cmd_usage("--delay=%lu: not from 1 to 3600", t.delay);
	t.l = cmd_open();
	batch |= t.json || !isatty(STDOUT_FILENO);
	err = look(&t);
	if (err)
		return cmd_error(err, "top");
	return batch ? batches(&t) : live(&t);
}

const struct verb verb_top = {
	.name = "top",
	.args = "",
	.summary = "watch what domains use",
	.run = run,
};
