"""Volumes on the workstation while its cable is cut, and for a user without any privilege."""

import contextlib
import os
import shutil
import stat
import time

from lab import wait_until
from modes import Mode, expect

#: Seconds in which whoever looks at a mount has an answer, be it an error: the link's loss is noticed in 45.
LATE = 75


def mounted(lab, mode, point):
    table = lab.ws("cat", "/proc/self/mountinfo", user=mode.user).ok().out
    return any(line.split()[4] == point for line in table.splitlines())


def prepare(lab, mode):
    """A mount of the back end's volumes, and what is in one file of it."""
    made = mode.tp("intercept", "backend", "--port", "8097", "--mount", "true", "--format", "json").ok().json()
    expect("mount_point" in made, made.get("mount_error"))
    point = made["mount_point"]
    names = lab.ws("ls", f"{point}/etc/backend", user=mode.user).ok().out.split()
    expect(bool(names), "the config map's files")
    return point, f"{point}/etc/backend/{names[0]}"


def scenario_cut(lab):
    """With the cable cut nobody who looks at a mount hangs; mended, its files are there again."""
    with Mode(lab, False) as mode:
        point, path = prepare(lab, mode)
        text = lab.ws("cat", path).ok().out
        lab.cut()
        began = time.monotonic()
        result = lab.ws("timeout", str(LATE), "cat", path, seconds=LATE + 10)
        took = time.monotonic() - began
        lab.mend()
        expect(result.code != 124, f"whoever looked waited {took:.0f} s")
        wait_until("the file", lambda: lab.ws("timeout", "20", "cat", path, seconds=30).out == text, 120)
        mode.tp("leave", "backend").ok()
        expect(not mounted(lab, mode, point), "nothing is mounted after leave")


@contextlib.contextmanager
def device_for_all(lab):
    """`/dev/fuse` as udev makes it, whatever it is on this machine."""
    node = os.path.join(lab.directory, "fuse")
    os.mknod(node, stat.S_IFCHR | 0o666, os.makedev(10, 229))
    os.chmod(node, 0o666)
    lab.ws("mount", "--bind", node, "/dev/fuse").ok()
    try:
        yield
    finally:
        lab.ws("umount", "/dev/fuse").ok()
        os.unlink(node)


@contextlib.contextmanager
def powerless_helper(lab):
    """libfuse's helper without the right to mount, as where privileges cannot be gained."""
    helper = os.path.join(lab.directory, "fusermount3")
    shutil.copyfile(shutil.which("fusermount3"), helper)
    os.chmod(helper, 0o755)
    lab.ws("mount", "--bind", helper, shutil.which("fusermount3")).ok()
    try:
        yield
    finally:
        lab.ws("umount", shutil.which("fusermount3")).ok()


@contextlib.contextmanager
def shared_mounts(lab):
    """The workstation's mounts as systemd makes them: namespaces that are made from it see what is mounted later."""
    lab.ws("mount", "--make-rshared", "/").ok()
    try:
        yield
    finally:
        lab.ws("mount", "--make-rprivate", "/").ok()


def scenario_refused(lab):
    """The machine has sshfs and FUSE, but the user may not mount: the volumes are copied, which is told; `--mount=true` says why not."""
    with device_for_all(lab), powerless_helper(lab), shared_mounts(lab), Mode(lab, True) as mode:
        words = ["intercept", "backend", "--port", "8097"]
        made = mode.tp(*words, "--", "sh", "-c", 'cat "$TELEPRESENCE_ROOT"/etc/backend/*').ok()
        expect(made.out != "" and "fusermount" in made.err and "the volumes are copied" in made.err, made)
        made = mode.tp(*words, "--mount=true", "--format", "json").ok()
        expect("fusermount" in made.json()["mount_error"], made)


def scenario_isolated(lab):
    """In isolated mode a command finds the volumes without `--mount`: mounted where it sees mounts, else copied, which is told."""
    script = 'cat "$TELEPRESENCE_ROOT"/etc/backend/*; echo; grep -c "$TELEPRESENCE_ROOT .*fuse.sshfs" /proc/self/mountinfo'
    words = ["intercept", "backend", "--port", "8097", "--", "sh", "-c", script]
    with device_for_all(lab), shared_mounts(lab), Mode(lab, True) as mode:
        text, count = mode.tp(*words).ok().out.rsplit("\n", 2)[:2]
        expect(text != "" and count == "1", f"mounted: {text!r} {count}")
    with device_for_all(lab), Mode(lab, True) as mode:
        made = mode.tp(*words)
        expect(made.out.startswith(text) and made.out.endswith("\n0\n"), f"copied: {made}")
        expect("are not shared: the volumes are copied" in made.err, made)


def scenario_user(lab):
    """A user without any privilege mounts volumes; others of the machine see nothing of them; nothing stays after quit."""
    with device_for_all(lab), Mode(lab, True) as mode:
        point, path = prepare(lab, mode)
        expect(lab.ws("cat", path, user=mode.user).ok().out != "", "the file's text")
        expect(lab.ws("cat", path).code != 0, "not even root reads them by way of the file system")
        expect(lab.ws("stat", "-c", "%a", os.path.dirname(point)).ok().out.strip() == "700", "the directory above")
    expect(not mounted(lab, mode, point), "nothing is mounted after quit")
