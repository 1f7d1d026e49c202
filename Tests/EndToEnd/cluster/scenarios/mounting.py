"""The volumes of a container as a file system of the workstation: real sshfs, the agent's confined sftp-server."""

import hashlib
import os
import shutil
import signal

from scenario import alone, each_mode, only_mode
from shell import expect, run, wait_until
from volume_app import volume_app


def mounted():
    """What of sshfs is mounted here."""
    with open("/proc/self/mountinfo") as table:
        return [line.split()[4] for line in table if " - fuse.sshfs " in line]


def needs_fuse(t):
    if shutil.which("sshfs") is None or not os.path.exists("/dev/fuse"):
        t.skip("the workstation has no sshfs, or no /dev/fuse")


def scenario_files(t):
    """Config map, secret and a directory are read, written and left; nothing stays mounted."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    point = os.path.join(t.directory, "volumes")
    made = c.tp("intercept", app.name, "--mount", point, "--format", "json").ok().json()
    expect(made.get("mount_point") == point, made)
    expect(set(made["mounts"]) >= {"/etc/e2e", "/etc/e2e-secret", "/e2e-data"}, made)

    def text(path):
        return run(["timeout", "20", "cat", point + path]).ok().out

    expect(text("/etc/e2e/plain") == "a plain value", "the config map")
    expect(text("/etc/e2e-secret/key") == "s3cret", "the secret")
    large = os.urandom(5 << 20)
    with open(os.path.join(point, "e2e-data", "large"), "wb") as file:
        file.write(large)
    sum_there = app.kubectl("exec", app.pod()["metadata"]["name"], "-c", "app", "--", "sha256sum", "/e2e-data/large")
    expect(sum_there.ok().out.split()[0] == hashlib.sha256(large).hexdigest(), "the large file")
    expect(run(["timeout", "20", "touch", point + "/etc/e2e-secret/new"]).code != 0, "a secret is not written")
    expect(f"volumes at {point}" in c.tp("list").ok().out, c.tp("list"))
    c.leave(app)
    wait_until("nothing mounted", lambda: point not in mounted(), 20)
    chosen = c.tp("intercept", app.name, "--mount=true", "--format", "json").ok().json()["mount_point"]
    expect(chosen in mounted(), mounted())
    c.tp("quit").ok()
    wait_until("nothing mounted after quit", lambda: chosen not in mounted(), 20)


@only_mode("host")
def scenario_command(t):
    """A command finds the volumes below TELEPRESENCE_ROOT, and they go with it."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    lines = ['echo "root $TELEPRESENCE_ROOT"', 'grep "$TELEPRESENCE_ROOT" /proc/self/mountinfo']
    script = "; ".join([*lines, 'cat "$TELEPRESENCE_ROOT/etc/e2e/plain"'])
    result = c.tp("intercept", app.name, "--mount=true", "--", "sh", "-c", script).ok()
    expect("a plain value" in result.out and "fuse.sshfs" in result.out, result)
    root = next(line[5:] for line in result.out.splitlines() if line.startswith("root "))
    wait_until("nothing mounted after the command", lambda: root not in mounted(), 20)


@each_mode
def scenario_unasked(t):
    """Without `--mount` a command finds the volumes, mounted or copied as the workstation can; with `--mount=false` it does not."""
    app, c = volume_app(t, plain="a plain value"), t.connect()
    script = 'cat "$TELEPRESENCE_ROOT/etc/e2e/plain"; echo; echo "$TELEPRESENCE_ROOT"'
    value, root = c.tp("intercept", app.name, "--", "sh", "-c", script).ok().out.split("\n")[:2]
    expect(value == "a plain value" and root, (value, root))
    t.until("nothing there after the command", lambda: not os.path.exists(root), 20)
    script = 'echo "root: ${TELEPRESENCE_ROOT-none}"'
    out = c.tp("intercept", app.name, "--mount=false", "--", "sh", "-c", script).ok().out
    expect("root: none" in out, out)


def scenario_pod_deleted(t):
    """The pod is deleted: the mount shows its successor's files, at the same place."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    point = os.path.join(t.directory, "volumes")
    c.tp("intercept", app.name, "--mount", point).ok()
    with open(os.path.join(point, "e2e-data", "mark"), "w") as file:
        file.write("of the first pod")
    pod = app.pod()["metadata"]["name"]
    app.kubectl("delete", "pod", pod, "--wait=false").ok()
    t.until("a successor", lambda: [one["metadata"]["name"] for one in app.ready_pods()] not in ([], [pod]), 60)

    def renewed():
        plain = run(["timeout", "15", "cat", f"{point}/etc/e2e/plain"])
        return plain.out == "a plain value" and run(["timeout", "15", "cat", f"{point}/e2e-data/mark"]).code != 0

    # Sooner than the link of an agent that is gone is found to be dead.
    t.until("the successor's files", renewed, 25)


@alone
def scenario_manager_restart(t):
    """The manager is restarted: the mount is there again by itself."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    point = os.path.join(t.directory, "volumes")
    c.tp("intercept", app.name, "--mount", point).ok()
    t.cluster.kubectl("-n", t.cluster.manager_namespace, "rollout", "restart", "deployment/traffic-manager").ok()
    t.cluster.await_manager()
    path = f"{point}/etc/e2e/plain"
    t.until("the config map", lambda: run(["timeout", "15", "cat", path]).out == "a plain value", 90)


def scenario_daemon_killed(t):
    """`kill -9` of the user daemon leaves no mount, and nobody who looks at it hangs."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    point = os.path.join(t.directory, "volumes")
    c.tp("intercept", app.name, "--mount", point).ok()
    expect(point in mounted(), mounted())
    os.kill(c.status()["user_daemon"]["pid"], signal.SIGKILL)
    wait_until("nothing mounted", lambda: point not in mounted(), 20)
    expect(run(["timeout", "10", "ls", point]).ok().out == "", "the directory is there, and empty")
    c.end_probe()
    c.connect().ok()


def scenario_second_daemon(t):
    """A second user daemon on the same socket refuses to start, and leaves the first one's mounts alone."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    point = os.path.join(t.directory, "volumes")
    c.tp("intercept", app.name, "--mount", point).ok()

    def mount():
        # Its number: one that was taken away is made again.
        with open("/proc/self/mountinfo") as table:
            return [line.split()[0] for line in table if line.split()[4] == point]

    before = mount()
    expect(len(before) == 1, before)
    with open(f"/proc/{c.status()['user_daemon']['pid']}/cmdline") as file:
        words = file.read().split("\0")
    second = c.tp("userd", "--socket", words[words.index("--socket") + 1])
    expect(second.code != 0, f"it has ended: {second}")
    expect(mount() == before, f"{mount()} instead of {before}")
    expect(run(["timeout", "20", "cat", f"{point}/etc/e2e/plain"]).ok().out == "a plain value", "the config map")


def scenario_sshfs_killed(t):
    """`kill -9` of sshfs: the volumes are mounted again."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    point = os.path.join(t.directory, "volumes")
    c.tp("intercept", app.name, "--mount", point).ok()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[0].endswith("/sshfs") and point in words:
            os.kill(int(entry), signal.SIGKILL)
    path = f"{point}/etc/e2e/plain"
    t.until("the config map", lambda: run(["timeout", "15", "cat", path]).out == "a plain value", 60)


def scenario_read_only(t):
    """With `:ro` nothing can be written, and neither can it with an ingest, which takes nothing from the app."""
    needs_fuse(t)
    app, c = volume_app(t, plain="a plain value"), t.connect()
    for words in (["intercept", app.name, "--mount", "{}:ro"], ["ingest", app.name, "--mount", "{}"]):
        point = os.path.join(t.directory, words[0])
        c.tp(*(word.format(point) for word in words)).ok()
        expect(run(["timeout", "15", "cat", f"{point}/etc/e2e/plain"]).ok().out == "a plain value", words)
        expect(run(["timeout", "15", "touch", f"{point}/e2e-data/new"]).code != 0, f"{words}: something was written")
        c.leave(app)
