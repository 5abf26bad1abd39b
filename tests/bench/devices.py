# SPDX-License-Identifier: GPL-2.0-only
"""Disks and networks: a guest against the same kernel on the machine itself, in
the same QEMU, on the same disk image and the same way to the host.

    tests/bench/devices.py        these rows alone
"""

import contextlib
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "system"))
    sys.dont_write_bytecode = True

from console import Console, Wrong
from controldomain import ControlDomain, initrd_with
from machine import BUILD

DISK = BUILD / "bench-disk.img"
DISK_MIB = 256
HOST = "10.0.2.2"  # as QEMU's user network calls it
# Row: options of fio, what is told of it, ratio to native at least.
FIO = {
    "random read 4k, depth 1": ("--rw=randread --bs=4k --iodepth=1", "iops",
                                0.5),
    "random read 4k, depth 32": ("--rw=randread --bs=4k --iodepth=32", "iops",
                                 0.6),
    "random write 4k, depth 32": ("--rw=randwrite --bs=4k --iodepth=32",
                                  "iops", None),
    "sequential read 1m": ("--rw=read --bs=1m --iodepth=4", "bw", 0.8),
    "sequential write 1m": ("--rw=write --bs=1m --iodepth=4", "bw", 0.8),
}
NET = {
    "TCP to the host": ("", 0.6),
    "TCP from the host": ("-R", 0.6),
}
SECONDS = 3


class Native(ControlDomain):
    """The control domain's image on the machine itself, at a shell."""

    def __init__(self, *options):
        self.trouble = self.guest_prompt = ""
        self.visits = 0
        self.initrd = BUILD / "bench.native.initrd"
        with open(self.initrd, "wb") as out:
            initrd_with({}, True, out)
        Console.__init__(self, "--native", "--smp", "2", "--mem", "704",
                         "--initrd", str(self.initrd), "--append", "quiet",
                         "--timeout", "600", *options, control=True)
        self.wait(r"\w+:/# ", 60)
        self.type("stty cols 2000; dmesg -n 1; PS1='[$?]control:\\w# '\n")
        self.wait(r"\[0\]control:/# ")

    def __exit__(self, *args):
        Console.__exit__(self, *args)


def samples(run, command, value, rounds):
    found = []
    for _ in range(rounds):
        status, output = run(command, 60)
        if status:
            raise Wrong(f"`{command}`: status {status}: {output[-300:]}")
        found.append(value(output))
    return found


def from_json(output):
    return json.loads(output[output.index("{"):output.rindex("}") + 1])


def fio_value(kind):
    def value(output):
        job = from_json(output)["jobs"][0]
        return job["read"][kind] + job["write"][kind]
    return value


def measure_disk(run, disk, rounds):
    rows = {}
    for name, (options, kind, _) in FIO.items():
        rows[name] = samples(
            run, f"fio --name=x --filename={disk} --direct=1 "
            f"--ioengine=libaio --runtime={SECONDS} --time_based "
            f"--output-format=json {options} 2>&1", fio_value(kind), rounds)
    return rows


def measure_net(run, rounds):
    rows = {}
    for name, (options, _) in NET.items():
        rows[name] = samples(
            run, f"iperf3 -J -c {HOST} -t {SECONDS} {options}",
            lambda o: from_json(o)["end"]["sum_received"]["bits_per_second"],
            rounds)
    rows["TCP request-response"] = samples(
        run, f"qperf -t {SECONDS} {HOST} tcp_lat",
        lambda o: 1e6 / latency_us(o), rounds)
    return rows


def latency_us(output):
    number, unit = re.search(r"latency\s*=\s*([\d.]+) (\w+)", output).groups()
    return float(number) * {"ns": 1e-3, "us": 1, "ms": 1e3, "sec": 1e6}[unit]


@contextlib.contextmanager
def servers():
    """What the guests talk to, on this machine."""
    with contextlib.ExitStack() as stack:
        for argv in (["iperf3", "-s"], ["qperf"]):
            process = subprocess.Popen(argv, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.terminate)
        yield


def make_disk():
    if not DISK.exists():
        with open(DISK, "wb") as out, open("/dev/urandom", "rb") as noise:
            for _ in range(DISK_MIB):
                out.write(noise.read(1 << 20))


def wait_for_net(run):
    for _ in range(20):
        if not run(f"ping -c 1 -W 1 {HOST} >/dev/null")[0]:
            return
        time.sleep(0.5)
    raise Wrong("the host does not answer")


def native(rounds):
    with Native("--disk", str(DISK), "--net") as machine:
        run = machine.run
        rows = {"virtio disk": measure_disk(run, "/dev/vda", rounds)}
        run("modprobe brd rd_nr=1 rd_size=262144; "
            "cat /dev/vda >/dev/ram0 2>/dev/null")
        rows["RAM disk"] = measure_disk(run, "/dev/ram0", rounds)
        wait_for_net(run)
        rows["network"] = measure_net(run, rounds)
    return rows


def lodge(rounds):
    with ControlDomain("--disk", str(DISK), "--net", tools=True, debug=False,
                       append="quiet", control_mem=768) as control:
        control.must("modprobe brd rd_nr=1 rd_size=262144; "
                     "cat /dev/vda >/dev/ram0 2>/dev/null; true")
        control.must("lodge create /etc/lodge/hello.cfg memory=512 maxmem=512 "
                     "vcpus=2 maxvcpus=2 ramdisk=/boot/tools.initrd "
                     "'disk=[\"/dev/vda,raw,lvda\",\"/dev/ram0,raw,lvdb\"]' "
                     "'vif=[\"bridge=br0\"]'")
        control.attach("hello")
        run = control.guest
        run("ip addr add 10.0.2.77/24 dev eth0; ip link set eth0 up")
        rows = {"virtio disk": measure_disk(run, "/dev/lvda", rounds),
                "RAM disk": measure_disk(run, "/dev/lvdb", rounds)}
        wait_for_net(run)
        rows["network"] = measure_net(run, rounds)
        control.detach()
        control.power_off()
    return rows


def measure(log, rounds=3):
    """{"native": rows, "lodge": rows}; fewer if something does not work."""
    make_disk()
    result = {}
    with open(log, "w", encoding="utf-8") as out, servers():
        for name, column in (("native", native), ("lodge", lodge)):
            try:
                with contextlib.redirect_stdout(out):
                    result[name] = column(rounds)
            except (Wrong, ValueError, AttributeError) as wrong:
                print(f"bench: devices, {name}: {wrong}; see {log}",
                      file=sys.stderr)
    return result


def goal_of(name):
    if name in FIO:
        return FIO[name][2]
    return NET[name][1] if name in NET else 0.5


def show(result):
    """Prints the rows."""
    if "native" not in result or "lodge" not in result:
        return
    print("\ndisks and networks: medians, and the ratio of a guest to native "
          "(larger is better);\n* below its goal")
    for group, rows in result["native"].items():
        print(f"{group}")
        for name, values in rows.items():
            here = statistics.median(values)
            there = statistics.median(result["lodge"][group][name])
            ratio, goal = there / here, goal_of(name)
            mark = "*" if goal and ratio < goal else " "
            print(f"  {name:28} {here:14.0f} {there:14.0f} {ratio:6.2f}{mark}")


if __name__ == "__main__":
    show(measure(BUILD / "test-logs" / "bench-devices.log",
                 int(sys.argv[1]) if len(sys.argv) > 1 else 3))
