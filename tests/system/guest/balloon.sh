# SPDX-License-Identifier: GPL-2.0-only
# balloon ROUNDS: the guest gives memory back and takes it again, at rest, while
# programs verify theirs, and while CPUs come and go; it stops before programs
# would suffer, and memory comes back when they need it. The hypervisor counts.
. /tests/common.sh
rounds=$1
balloon=/sys/devices/system/lodge_balloon
cpus=/sys/devices/system/cpu
[ -d $balloon ] || skip "no $balloon"

value() {
	cat "$balloon/$1_kb"
}

meminfo() {
	awk -v name="$1:" '$1 == name { print $2 }' /proc/meminfo
}

# Waits until the domain has $1 KiB, for 40 seconds at most.
wait_for() {
	for _ in $(seq 200); do
		[ "$(value current)" = "$1" ] && return 0
		sleep 0.2
	done
	fail "the domain has $(value current) KiB, not $1"
}

set_target() {
	echo "$1" >$balloon/target_kb || fail "no target of $1"
}

whole=$(value current)
total=$(meminfo MemTotal)
[ "$whole" = "$(value max)" ] || fail "$whole KiB of $(value max) at start"
[ "$(value absent)" = 0 ] || fail "$(value absent) KiB absent at start"
free=$(meminfo MemAvailable)
low=$(((whole - free / 2) / 4 * 4))

step "down and up, from $whole KiB to $low"
for target in $low $((low + 4)) $((low + 4096)) $((low - 2048)); do
	set_target $target
	wait_for $target
	gone=$((whole - target))
	[ "$(value absent)" = $gone ] || fail "$(value absent) KiB absent"
	now=$(meminfo MemTotal)
	[ $((total - now)) = $gone ] || fail "MemTotal is $now, was $total"
done
[ "$(value absent_large)" -gt $((gone / 2)) ] ||
	fail "only $(value absent_large) KiB of $gone in large pieces"

step "who reads all memory"
kcore || fail "/proc/kcore"
# Its read() goes through the linear mapping, page by page.
dd if=/dev/mem of=/dev/null bs=4k conv=noerror count=$((whole / 4)) \
	2>/tmp/log
grep -q 'Bad address' /tmp/log || fail "/dev/mem shows what is not there"
set_target max
wait_for "$whole"
[ "$(meminfo MemTotal)" = "$total" ] || fail "MemTotal: $(meminfo MemTotal)"
audit

step "a target that is too low"
set_target 0
sleep 4
[ "$(value current)" -gt 16384 ] || fail "$(value current) KiB are left"
# Megabytes may lie in the lists of processors, which Linux does not count as
# available; it empties them in the course of seconds.
for _ in $(seq 100); do
	available=$(meminfo MemAvailable)
	[ "$available" -gt 1024 ] && break
	sleep 0.2
done
[ "$available" -gt 1024 ] || fail "$available KiB available"
memory 2 || fail "memory"
step "$(value current) KiB are left, $(meminfo MemAvailable) available"
[ "$(cat $balloon/target_missed)" -gt 0 ] || fail "the target is not missed"

step "memory comes back for a program"
# Else Linux refuses what is more than all the memory that it has now.
echo 1 >/proc/sys/vm/overcommit_memory
before=$(value current)
stress-ng --vm 1 --vm-bytes $((free * 2 / 3))K --vm-keep --verify -t 8 \
	--vm-populate >/tmp/log 2>&1 || {
	cat /tmp/log
	fail "stress-ng ended with $?"
}
[ "$(value oom_deflated)" -gt 0 ] || fail "nothing came back"
[ "$(value current)" -gt "$before" ] || fail "$(value current) KiB as before"
dmesg | grep -q 'Killed process' && fail "a program was killed"
set_target max
wait_for "$whole"
[ "$(meminfo MemTotal)" = "$total" ] || fail "MemTotal: $(meminfo MemTotal)"

step "$rounds rounds under load"
last=$(($(nproc) - 1))
stress-ng --vm 2 --vm-bytes $((free / 5))K --verify --oomable \
	--mmap 1 --mmap-bytes 8M -t 600 >/tmp/log 2>&1 &
stress=$!
memory 600 &
model=$!
for round in $(seq "$rounds"); do
	for cpu in $(seq "$last"); do
		echo $((round % 2)) >$cpus/cpu$cpu/online
	done
	set_target $((whole - free / 3 * (round % 3) / 2))
	sleep 0.$((round * 7 % 10))
	[ $((round % 10)) = 0 ] && audit
done
for cpu in $(seq "$last"); do
	echo 1 >$cpus/cpu$cpu/online
done
kill -0 $model 2>/dev/null || fail "memory has ended"
kill -0 $stress 2>/dev/null || fail "stress-ng has ended: $(cat /tmp/log)"
kill $model
kill -INT $stress
wait $stress
status=$?
case $status in
0 | 2 | 3 | 130) ;;
*)
	cat /tmp/log
	fail "stress-ng ended with $status"
	;;
esac
grep -iE 'fail|error' /tmp/log && fail "stress-ng"
set_target max
wait_for "$whole"
[ "$(meminfo MemTotal)" = "$total" ] || fail "MemTotal: $(meminfo MemTotal)"
[ "$(value absent)" = 0 ] || fail "$(value absent) KiB absent in the end"
audit
kernel_log_is_clean
