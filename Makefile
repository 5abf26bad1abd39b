# SPDX-License-Identifier: GPL-2.0
#
# Lodge: everything starts here. `make help` lists what there is to make.

VERSIONS := 6.12
HV := hypervisor-stub
B := build

.PHONY: all help deps test-deps bench-deps run test test-quick soak test-bochs bench \
	gdb iso clean check check-patches check-cloud-config hypervisor kernel \
	initramfs

all: deps
	+@$(MAKE) --no-print-directory hypervisor kernel initramfs

help:
	@echo 'make              build everything (hypervisor, kernel, initramfs)'
	@echo 'make run          a Linux guest on the hypervisor in QEMU: a shell'
	@echo 'make test         all tests; make test-quick: about two minutes'
	@echo 'make soak         long runs; make test-bochs: tests in Bochs'
	@echo 'make bench        measure against native and Xen in the same QEMU'
	@echo 'make iso          build/lodge.iso, bootable with GRUB'
	@echo 'make gdb          gdb on the hypervisor, guest started in QEMU'
	@echo 'make check        style of scripts and C, headers, analyzers, docs'
	@echo 'make check-patches  style and size of patches; each builds, off and on'
	@echo 'make check-cloud-config  the option in a cloud kernel'"'"'s options'
	@echo 'make deps         install missing Debian packages (root or sudo)'
	@echo 'make bench-deps   what make bench needs, Xen (in build/xen) too'
	@echo 'make clean        empty build/, but for the unpacked kernel sources'

deps:
	@kernel/deps kernel/packages.txt

test-deps:
	@kernel/deps kernel/packages-test.txt
	-@boot/fetch-xen # without it, the test on Xen is skipped and says so

bench-deps: deps test-deps
	@boot/fetch-xen

hypervisor:
	+@$(MAKE) --no-print-directory -C $(HV)

kernel: $(VERSIONS:%=kernel-%)

kernel-%:
	+@kernel/build $*

initramfs: $(B)/test.initrd

$(B)/test.initrd: boot/initramfs boot/init boot/motd
	@boot/initramfs -o $@

run: all
	@boot/qemu --smp 2 --mem 1024 --domain 'kernel=6.12,vcpus=2'

test: all test-deps
	@tests/run all

test-quick: all test-deps
	@tests/run quick

soak: all test-deps
	@tests/run --once soak

test-bochs: all test-deps
	@tests/run bochs

bench: all bench-deps
	@tests/bench/run

iso: all
	@boot/make-iso

gdb: all
	@boot/gdb

check:
	@kernel/check
	@tests/check

check-patches: deps
	@kernel/check-patches

check-cloud-config: deps
	@kernel/check-cloud-config

# What kernel/prepare would have to unpack and patch again stays: the source,
# and beside it what it knows about that.
clean:
	@mkdir -p $(B)
	@find $(B) -mindepth 1 -maxdepth 1 ! -name 'linux-*' -exec rm -rf {} +
	@find $(B) -mindepth 2 -maxdepth 2 ! -name src ! -name source \
		! -name pristine ! -name stage ! -name overlay.list \
		-exec rm -rf {} +
	@rm -rf $(B)/linux-*/src/obj
