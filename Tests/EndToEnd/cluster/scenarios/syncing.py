"""Copies of a container's volumes (`--mount=sync`): no FUSE, no sshfs; the copies follow."""

import os
import signal
import stat

from scenario import alone, only_mode
from shell import expect, run, wait_until
from volume_app import config, volume_app


def text(path):
    """What is in a file; nothing when it is not there."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return None


def in_app(app, command):
    return app.kubectl("exec", app.pod()["metadata"]["name"], "-c", "app", "--", "sh", "-c", command).ok()


def scenario_files(t):
    """Config map, secret and a small directory are copied, follow, and go with leave and quit; what is too large is told."""
    app, c = volume_app(t, plain="one", gone="x"), t.connect()
    made = c.tp("intercept", app.name, "--mount=sync", "--format", "json").ok().json()
    point = made["mount_point"]
    expect("mount_error" not in made, made)
    expect(text(f"{point}/etc/e2e/plain") == "one", "the config map")
    expect(text(f"{point}/etc/e2e-secret/key") == "s3cret", "the secret")
    facts = os.lstat(point)
    expect(stat.S_IMODE(facts.st_mode) == 0o700 and facts.st_uid == os.geteuid(), "nobody else reads them")

    config(t, app.name, plain="two", new="y")
    t.until("the config map follows", lambda: text(f"{point}/etc/e2e/plain") == "two", 60)
    expect(text(f"{point}/etc/e2e/new") == "y" and text(f"{point}/etc/e2e/gone") is None, "all its files do")
    in_app(app, "head -c 1048577 /dev/zero > /e2e-data/large; echo small > /e2e-data/small")
    t.until("the directory follows", lambda: os.listdir(f"{point}/e2e-data") == ["small"], 60)
    large = "/e2e-data/large (a file of more than 1 MiB)"
    t.until("a complaint of the large file", lambda: large in c.attachments()[0].get("mount_error", ""), 60)
    in_app(app, "rm /e2e-data/*; echo more > /e2e-data/more")
    t.until("the directory follows", lambda: os.listdir(f"{point}/e2e-data") == ["more"], 60)
    t.until("nothing is complained of", lambda: not c.attachments()[0].get("mount_error"), 60)
    c.leave(app)
    t.until("nothing there after leave", lambda: not os.path.exists(point), 20)

    point = c.tp("ingest", app.name, "--mount=sync", "--format", "json").ok().json()["mount_point"]
    expect(text(f"{point}/etc/e2e/plain") == "two", "with an ingest too")
    c.tp("quit").ok()
    t.until("nothing there after quit", lambda: not os.path.exists(point), 20)


def scenario_command(t):
    """A command finds the copies below TELEPRESENCE_ROOT, in `intercept.mountsRoot`, and they go with it."""
    app, c = volume_app(t, plain="one", gone="x"), t.connect()
    root = os.path.join(t.directory, "mounts")
    settings = os.path.join(c.env["HOME"], ".config", "telepresence")
    os.makedirs(settings)
    with open(os.path.join(settings, "config.yml"), "w") as file:
        file.write(f"intercept:\n  mountsRoot: {root}\n")
    script = 'echo "$TELEPRESENCE_ROOT"; cat "$TELEPRESENCE_ROOT/etc/e2e/plain"; echo "$TELEPRESENCE_MOUNTS"'
    point, plain, *_ = c.tp("ingest", app.name, "--mount=sync", "--", "sh", "-c", script).ok().out.splitlines()
    expect(point.startswith(f"{root}/telfs-{app.name}-"), point)
    expect(plain.startswith("one") and "/etc/e2e" in plain, plain)
    t.until("nothing there after the command", lambda: not os.path.exists(point), 20)


def scenario_pod_deleted(t):
    """The pod is deleted: the copies stay as they were, and then are its successor's files."""
    app, c = volume_app(t, plain="one", gone="x"), t.connect()
    point = c.tp("ingest", app.name, "--mount=sync", "--format", "json").ok().json()["mount_point"]
    in_app(app, "echo first > /e2e-data/mark")
    t.until("the first pod's file", lambda: text(f"{point}/e2e-data/mark") is not None, 60)
    pod = app.pod()["metadata"]["name"]
    app.kubectl("delete", "pod", pod, "--wait=false").ok()

    def renewed():
        expect(text(f"{point}/etc/e2e/plain") == "one", "the config map is there all the time")
        return text(f"{point}/e2e-data/mark") is None

    t.until("the successor's files", renewed, 90)


@alone
def scenario_manager_restart(t):
    """The manager is restarted: the copies stay, and follow again by themselves."""
    app, c = volume_app(t, plain="one", gone="x"), t.connect()
    point = c.tp("ingest", app.name, "--mount=sync", "--format", "json").ok().json()["mount_point"]
    t.cluster.kubectl("-n", t.cluster.manager_namespace, "rollout", "restart", "deployment/traffic-manager").ok()
    t.cluster.await_manager()
    expect(text(f"{point}/etc/e2e/plain") == "one", "the config map is still there")
    config(t, app.name, plain="two")
    t.until("the config map follows", lambda: text(f"{point}/etc/e2e/plain") == "two", 90)


@only_mode("isolated")
def scenario_no_fuse(t):
    """A workstation without sshfs: --mount=auto copies, and says so; --mount=true says what to do."""
    app, c = volume_app(t, plain="one", gone="x"), t.connection()
    words = ["unshare", "-m", "sh", "-c", 'mount --bind /dev/null "$0" && exec "$@"', "/usr/bin/sshfs"]
    if run([*words, "true"]).code != 0:
        t.skip("this user may not hide sshfs from the user daemon, or there is none")
    run([*words, t.cluster.options.telepresence, *c.connect_words()], seconds=60, env=c.env).ok()
    made = c.tp("intercept", app.name, "--mount=true", "--format", "json").ok()
    expect("--mount=sync" in made.json()["mount_error"] and "mount_point" not in made.json(), made)
    c.leave(app)
    made = c.tp("intercept", app.name, "--mount=auto", "--format", "json").ok()
    expect("sshfs is not installed" in made.err and "the volumes are copied" in made.err, made)
    point = made.json()["mount_point"]
    t.until("the config map", lambda: text(f"{point}/etc/e2e/plain") == "one", 20)
    c.leave(app)
    t.until("nothing there after leave", lambda: not os.path.exists(point), 20)


def copiers(point):
    """The processes that keep these copies."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
        except OSError:
            continue
        if words[1:3] == ["volume-sync", point]:
            found.append(int(entry))
    return found


def scenario_killed(t):
    """`kill -9` of the copier: the copies are there again; of the user daemon: they go; of both: they go with the next connection."""
    app, c = volume_app(t, plain="one", gone="x"), t.connect()

    def ingest():
        point = c.tp("ingest", app.name, "--mount=sync", "--format", "json").ok().json()["mount_point"]
        expect(text(f"{point}/etc/e2e-secret/key") == "s3cret", "the secret")
        return point

    def kill_daemon():
        os.kill(c.status()["user_daemon"]["pid"], signal.SIGKILL)

    point = ingest()
    first = copiers(point)
    expect(len(first) == 1, first)
    os.kill(first[0], signal.SIGKILL)
    t.until("another copier", lambda: copiers(point) not in ([], first), 60)
    t.until("the copies", lambda: text(f"{point}/etc/e2e-secret/key") == "s3cret", 60)
    kill_daemon()
    wait_until("nothing there", lambda: not os.path.exists(point), 20)
    c.end_probe()
    c.connect().ok()

    point = ingest()
    for pid in copiers(point):
        # One that cannot run cannot tidy either.
        os.kill(pid, signal.SIGSTOP)
    kill_daemon()
    for pid in copiers(point):
        os.kill(pid, signal.SIGKILL)
    c.end_probe()
    expect(os.path.exists(point), "nobody was there to tidy")
    wait_until("the copier's end", lambda: not copiers(point), 20)
    c.connect().ok()
    t.until("the next user daemon has tidied", lambda: not os.path.exists(point), 20)
