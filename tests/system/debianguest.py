# SPDX-License-Identifier: GPL-2.0-only
"""A control domain whose machine has the disks of Debian guests.

    with DebianGuests("debian1", "debian2") as control:
        control.start("debian1")             # lodge create, a login, a prompt
        control.guest("systemctl status")    # (status, output)
        control.does("uptime")               # output; Wrong unless status 0
        control.detach()
        control.enter("debian2")             # a guest that was started

Nothing is written to the images (boot/guest-image makes them). The guests'
network is QEMU's, through the bridge br0.
"""

import subprocess
import sys

from console import Wrong, failed
from controldomain import ControlDomain
from machine import BUILD, TOP


def have_images(kind=None):
    """Makes them if need be; False where Debian's packages cannot be had."""
    done = subprocess.run([TOP / "boot" / "guest-image", *filter(None, [kind])],
                          check=False)
    if done.returncode not in (0, 77):
        raise Wrong(f"boot/guest-image: status {done.returncode}")
    if done.returncode:
        print("without Debian guests: the packages cannot be had")
    return done.returncode == 0


def need_images(kind=None):
    """Ends the test as skipped if there are none."""
    if not have_images(kind):
        sys.exit(77)


class DebianGuests(ControlDomain):
    def __init__(self, *disks, options=(), **machine):
        self.known = set()
        words = [f"--disk={BUILD / disk}.img" for disk in disks]
        super().__init__(*words, "--net", "--qemu=-snapshot", *options,
                         append="lodge.root=none", **machine)

    def start(self, name, more="", seconds=150):
        """Creates a domain of /etc/lodge and logs in on its console."""
        self.must(f"lodge create /etc/lodge/{name}.cfg {more}")
        self.known.discard(name)
        self.enter(name, seconds)

    def enter(self, name, seconds=150, command=None):
        """Goes to the console of a guest, and logs in if nobody has."""
        self.text = ""
        self.type((command or f"lodge console {name}") + "\n")
        if name in self.known:
            self.wait(rf"{name}-shell-\d+# ", 20)
        else:
            self.log_in_to(name, seconds)
        self.known.add(name)
        self.visits += 1
        shell = f"{name}-shell-{self.visits}# "
        self.guest_prompt = rf"\[(\d+)\]{shell}"
        self.type("stty cols 2000; bind 'set enable-bracketed-paste off'; "
                  f"PS1='[$?]{shell}'\n")
        self.wait(self.guest_prompt, 30)

    def log_in_to(self, name, seconds):
        self.wait(rf"^{name} login: ", seconds)
        self.type("root\n")
        self.wait(rf"root@{name}:~# ", 60)

    def does(self, command, seconds=60):
        """The output of a command in the guest, which has to succeed."""
        status, output = self.guest(command, seconds)
        if status:
            raise failed(command, status, "in the guest, ")
        return output
