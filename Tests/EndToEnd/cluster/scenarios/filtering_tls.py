"""HTTP filters on ports that speak TLS: annotations give the agent the certificates to end it."""

import base64
import json
import os
import re

from scenario import Port
from shell import expect, run

PORTS = [Port(8080), Port(8443, name="https", kind="HTTPS", service=443)]
MINE = ("--http-header", "x-user: ann")


class Certificates:
    """An authority of the scenario's own, and what it has issued: directories with tls.crt, tls.key and ca.crt."""

    def __init__(self, directory):
        self.directory = os.path.join(directory, "certificates")
        os.makedirs(self.directory, exist_ok=True)
        self.authority = os.path.join(self.directory, "ca.crt")
        self.key = os.path.join(self.directory, "ca.key")
        self.openssl(
            "req", "-x509", *self.pair(self.key), "-subj", "/CN=e2e", "-days", "2", "-out", self.authority,
        )  # fmt: skip

    def pair(self, key):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key]

    def openssl(self, *words):
        run(["openssl", *words], seconds=30).ok()

    def issue(self, name, *hosts):
        """A certificate with the common name `name` for these hosts; its directory."""
        folder = os.path.join(self.directory, name)
        os.makedirs(folder, exist_ok=True)
        request, names = os.path.join(folder, "request"), os.path.join(folder, "names")
        with open(names, "w") as file:
            file.write("subjectAltName=" + ",".join(f"DNS:{host}" for host in [name, *hosts]))
        self.openssl("req", *self.pair(os.path.join(folder, "tls.key")), "-subj", f"/CN={name}", "-out", request)
        self.openssl(
            "x509", "-req", "-in", request, "-CA", self.authority, "-CAkey", self.key, "-CAcreateserial",
            "-days", "1", "-extfile", names, "-out", os.path.join(folder, "tls.crt"),
        )  # fmt: skip
        with open(self.authority) as source, open(os.path.join(folder, "ca.crt"), "w") as copy:
            copy.write(source.read())
        return folder

    def secret(self, t, name, folder):
        """Puts a directory into the cluster as a secret."""
        data = {}
        for file in ("tls.crt", "tls.key", "ca.crt"):
            with open(os.path.join(folder, file), "rb") as source:
                data[file] = base64.b64encode(source.read()).decode()
        metadata = {"name": name, "namespace": t.namespace, "labels": t.cluster.labels}
        t.cluster.apply([{"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}])
        t.later(lambda: t.kubectl("delete", "secret", name, "--ignore-not-found").ok())


def secure_app(t, name, annotations, env=None):
    """An app that speaks TLS with the secret of its own name."""

    def change(objects):
        pod = objects[0]["spec"]["template"]["spec"]
        pod["volumes"].append({"name": "certificates", "secret": {"secretName": name}})
        mount = {"name": "certificates", "mountPath": "/etc/app-tls", "readOnly": True}
        pod["containers"][0]["volumeMounts"].append(mount)

    annotations = {f"telepresence.io/{key}": value for key, value in annotations.items()}
    env = {"CERTIFICATES": "/etc/app-tls", **(env or {})}
    return t.app(name=name, ports=PORTS, annotations=annotations, env=env, change=change)


def ask(c, app, made, *words, code=0):
    """A request over TLS by a curl that believes the authority alone: who answered, and with whose certificate."""
    words = ["-sv", "--max-time", "30", "--cacert", made.authority, *words, f"https://{app.host}/"]
    answer = c.run("curl", *words)
    if code:
        return expect(answer.code != 0, answer)
    body = json.loads(answer.ok().out)
    shown = re.search(r"subject: .*CN\s*=\s*(\S+)", answer.err)
    return body["by"], shown and shown.group(1), body


def filtered(c, app, handler, *words):
    words = ["intercept", app.name, "--port", f"{handler.port}:https", *MINE, *words, "--format", "json"]
    return c.tp(*words, seconds=90).ok().json()


def scenario_requests(t):
    """Requests over TLS are filtered; handlers get TLS, or plain text; untouched before and after."""
    made, name = Certificates(t.directory), t.unique()
    host = f"{name}.{t.namespace}"
    made.secret(t, name, made.issue("app", host))
    # Another certificate for the same host, so that it shows who ends TLS.
    made.secret(t, f"{name}-agent", made.issue("agent", host))
    app = secure_app(t, name, {"downstream-tls-secret.https": f"{name}-agent"})
    c = t.connect()
    expect(ask(c, app, made)[:2] == ("app", "app"), "untouched before")
    # What a developer makes for himself: nobody knows it.
    own = Certificates(os.path.join(t.directory, "own")).issue("localhost")
    filtered(c, app, t.handler("secure", certificates=own))
    by, shown, body = ask(c, app, made, "-H", "x-user: ann")
    expect((by, shown, body["tls"]["alpn"]) == ("secure", "agent", "http/1.1"), (by, shown, body))
    by, shown, body = ask(c, app, made, "-H", "x-user: bob")
    expect((by, shown, body["tls"]["version"]) == ("app", "agent", "TLSv1.3"), (by, shown, body))
    expect(ask(c, app, made, "--tls-max", "1.2", "-H", "x-user: ann")[0] == "secure", "TLS 1.2")
    c.leave(app)
    filtered(c, app, t.handler("plain"), "--plaintext")
    by, shown, body = ask(c, app, made, "-H", "x-user: ann")
    expect((by, shown) == ("plain", "agent") and "tls" not in body, (by, shown, body))
    expect(ask(c, app, made)[0] == "app", "the other requests")
    c.leave(app)
    # What was open has been told; new connections are the app's own again.
    t.until("untouched again", lambda: ask(c, app, made)[:2] == ("app", "app"), 20)


def scenario_mutual(t):
    """Where the app asks for certificates, callers show theirs to the agent, and the agent its own to the app."""
    made, name = Certificates(t.directory), t.unique()
    made.secret(t, name, made.issue("app", f"{name}.{t.namespace}"))
    made.secret(t, f"{name}-client", made.issue("client"))
    annotations = {"downstream-tls-path.8443": "/etc/app-tls", "upstream-tls-secret.https": f"{name}-client"}
    app = secure_app(t, name, annotations, {"CALLERS": "/etc/app-tls/ca.crt"})
    caller = made.issue("caller")
    mine = ["--cert", f"{caller}/tls.crt", "--key", f"{caller}/tls.key"]
    c = t.connect()
    expect(ask(c, app, made, *mine)[2]["tls"]["caller"] == "caller", "untouched before")
    filtered(c, app, t.handler("plain"), "--plaintext")
    expect(ask(c, app, made, *mine, "-H", "x-user: ann")[0] == "plain", "filtered")
    by, _, body = ask(c, app, made, *mine)
    expect((by, body["tls"]["caller"]) == ("app", "client"), (by, body))
    ask(c, app, made, "-H", "x-user: ann", code=1)
    ask(c, app, made, code=1)
