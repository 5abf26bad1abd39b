# SPDX-License-Identifier: GPL-2.0-only
# hotplug ROUNDS: CPUs go offline and come back while processes run on them,
# and have a timer and interrupts afterwards.
. /tests/common.sh
rounds=$1
cpus=/sys/devices/system/cpu
last=$(($(nproc) - 1))
[ "$last" -gt 0 ] || skip "one CPU only"

for _ in 1 2 3; do
	memory 100000 &
	load="$load $!"
done
for round in $(seq "$rounds"); do
	for cpu in $(seq "$last"); do
		echo 0 >$cpus/cpu$cpu/online || fail "CPU $cpu stays online"
	done
	[ "$(nproc)" = 1 ] || fail "round $round: $(nproc) CPUs"
	for cpu in $(seq "$last"); do
		echo 1 >$cpus/cpu$cpu/online || fail "CPU $cpu stays offline"
		taskset -c "$cpu" sleep 0.02 || fail "CPU $cpu runs nothing"
	done
done
[ "$(nproc)" = $((last + 1)) ] || fail "$(nproc) CPUs"
for pid in $load; do
	kill -0 "$pid" 2>/dev/null || fail "a program has ended"
	kill "$pid"
done
wait
audit
kernel_log_is_clean
