#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Rows that well-known programs measure: tools.sh [SECONDS]. Each becomes a
# row of the micro-benchmarks' form, by way of `lodge-bench mark`.
PATH=/usr/local/bin:$PATH
bench=/tests/bin/lodge-bench
seconds=${1:-2}

# row NAME OPS NS-PER-OP: what was between the marks
row() {
	$bench mark end "$1" "ops=$2 ns=$3"
}

have() {
	command -v "$1" >/dev/null || {
		echo "lodge-bench: left out $2: no $1 in the image"
		return 1
	}
}

# From the output of sysbench: events, and the threads' time for one.
sysbench_row() {
	name=$1
	shift
	have sysbench "$name" || return
	$bench mark begin "$name"
	result=$(sysbench "$@" --time="$seconds" run 2>&1 | awk '
		/total time:/ { sub("s", "", $3); time = $3 }
		/total number of events:/ { events = $5 }
		END { if (events) printf "%d %.1f", events, time * 1e9 / events
		      else print "0 0" }')
	# shellcheck disable=SC2086 # two words
	row "$name" $result
}

stress_row() {
	name=stress_$1
	have stress-ng "$name" || return
	$bench mark begin "$name"
	result=$(stress-ng --"$1" 1 -t "$seconds" --metrics-brief 2>&1 | awk '
		/metrc/ && NF >= 9 && $5 + 0 > 0 {
			printf "%d %.1f", $5, $6 * 1e9 / $5; found = 1; exit }
		END { if (!found) print "0 0" }')
	# shellcheck disable=SC2086 # two words
	row "$name" $result
}

# perf_row NAME OPS AWK BENCHMARK...: AWK prints the ns of one operation from
# what perf says; n is OPS.
perf_row() {
	name=$1
	ops=$2
	program=$3
	shift 3
	have perf "$name" || return
	$bench mark begin "$name"
	ns=$(perf bench -f simple "$@" 2>/dev/null |
		awk -v n="$ops" "$program")
	row "$name" "$ops" "${ns:-0}"
}

# What the perf benchmarks say: the seconds of the run, or bytes in a second,
# or milliseconds, or operations in a second.
# shellcheck disable=SC2016 # for awk
total='NF == 1 { printf "%.1f", $1 * 1e9 / n; exit }'
# shellcheck disable=SC2016 # for awk
rate='/^[0-9.]+$/ { printf "%.1f", 1e9 * 2 ^ 20 / $1; exit }'
# shellcheck disable=SC2016 # for awk
wakeup='/^Wokeup/ { printf "%.1f", $7 * 1e6 / $2 }'
# shellcheck disable=SC2016 # for awk
average='/^Averaged/ { printf "%.1f", 1e9 / $2 }'

hackbench_row() {
	have hackbench hackbench || return
	$bench mark begin hackbench
	ns=$(hackbench -g 2 -f 5 -l 100 2>/dev/null |
		awk '/Time:/ { printf "%.1f", $2 * 1e9 / 1000 }')
	row hackbench 1000 "${ns:-0}"
}

sysbench_row sysbench_cpu cpu --cpu-max-prime=2000
sysbench_row sysbench_memory memory --memory-block-size=1K \
	--memory-total-size=100T
for stressor in fork exec fault signal switch; do
	stress_row $stressor
done
perf_row perf_sched_pipe 20000 "$total" sched pipe -l 20000
perf_row perf_sched_messaging 4000 "$total" sched messaging -g 2 -l 100
perf_row perf_syscall_basic 500000 "$total" syscall basic -l 500000
perf_row perf_futex_hash 1000000 "$average" futex hash -r "$seconds" -t 2 -s
perf_row perf_futex_wake 40 "$wakeup" futex wake -t 4
perf_row perf_mem_memcpy 500 "$rate" mem memcpy -s 1MB -l 500 -f default
perf_row perf_mem_memset 500 "$rate" mem memset -s 1MB -l 500 -f default
hackbench_row
