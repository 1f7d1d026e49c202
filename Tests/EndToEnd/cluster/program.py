"""What runs in the scenarios' pods, from a ConfigMap, on any image with Python: `python3 program.py`.

HTTP, ECHO, UDP   port numbers in the environment: HTTP servers, TCP echoes, UDP echoes
INNER_ECHO, INNER_UDP  the same on the loopback address alone
HTTPS             port numbers: HTTP servers that speak TLS, with tls.crt and tls.key of the directory CERTIFICATES
CALLERS           a file with an authority: callers of HTTPS have to show a certificate of it
NAME              what this one answers as
LINGER            so many seconds it goes on after SIGTERM, as well-behaved servers do; it ends at once without

GET  /            {"by", "pod", "port", "path", "client", "headers"}; over TLS "tls": {"version", "alpn", "caller"}
GET  /env         the environment
GET  /health      ok, unless NOT_READY is set
GET  /slow/N      the answer of / after N seconds
GET  /ws          a WebSocket: each message is answered with NAME: and the message
POST /echo        the body
POST /body        {"by", "bytes", "sha256", "headers"}: of the body, which may come in chunks
POST /ask         {"url", "method", "seconds", "headers"}: a request from here; {"status", "body", "error", "seconds"}
POST /socket      {"kind": "tcp" or "udp", "host", "port", "data", "seconds", "source"}: bytes sent from here, datagrams from the
                  port `source`, 0 for any; {"data", "error"}
POST /load        {"url", "pause"}: begins to ask that again and again
GET  /load        what has come of it: {"asked", "by": {NAME: number}, "failed": [[time, seconds, error]…],
                  "turns": [[time, NAME]…]: when somebody else began to answer; times are those at which requests began}
POST /load/stop   {"url"}: ends it (without a url: all), and answers as GET /load
"""

import base64
import hashlib
import http.client
import json
import os
import signal
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


def request(url, method="GET", body=None, seconds=10, headers=None):
    """One request on a connection of its own."""
    began = time.monotonic()
    answer = {"status": 0, "body": "", "error": None}
    try:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=seconds)
        connection.request(method, parts.path or "/", body, {"Connection": "close", **(headers or {})})
        response = connection.getresponse()
        answer["body"] = response.read().decode(errors="replace")
        answer["status"] = response.status
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    answer["seconds"] = round(time.monotonic() - began, 4)
    return answer


def exchange(kind, host, port, data, seconds=3, source=0):
    """Bytes there and back; a datagram is sent again where it was lost."""
    data = data.encode()
    try:
        if kind == "tcp":
            with socket.create_connection((host, port), timeout=seconds) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                got = b""
                while part := connection.recv(65536):
                    got += part
            return {"data": got.decode(errors="replace"), "error": None}
        address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
            connection.bind(("", source))
            connection.settimeout(seconds / 3)
            for attempt in range(3):
                connection.sendto(data, address)
                try:
                    return {"data": connection.recv(65536).decode(errors="replace"), "error": None}
                except TimeoutError:
                    continue
        return {"data": "", "error": "no answer"}
    except OSError as error:
        return {"data": "", "error": f"{type(error).__name__}: {error}"}


class Load:
    """A client that asks again and again, and counts."""

    def __init__(self, url, pause, seconds=10):
        self.url, self.pause, self.seconds = url, pause, seconds
        self.asked, self.by, self.failed, self.turns = 0, {}, [], []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.thread = threading.Thread(target=self.go, daemon=True)
        self.thread.start()

    def go(self):
        while not self.stopping.wait(self.pause):
            at = time.time()
            answer = request(self.url, seconds=self.seconds)
            with self.lock:
                self.asked += 1
                if answer["error"] or answer["status"] != 200:
                    error = answer["error"] or f"status {answer['status']}"
                    self.failed.append([round(at, 3), answer["seconds"], error])
                else:
                    by = json.loads(answer["body"])["by"]
                    self.by[by] = self.by.get(by, 0) + 1
                    if not self.turns or self.turns[-1][1] != by:
                        self.turns.append([round(at, 3), by])

    def report(self):
        with self.lock:
            report = {"asked": self.asked, "by": dict(self.by)}
            return {**report, "failed": list(self.failed), "turns": list(self.turns)}

    def stop(self):
        self.stopping.set()
        self.thread.join(self.seconds + 5)
        return self.report()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 65536
    disable_nagle_algorithm = True

    def answer(self, body, status=200):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def me(self):
        facts = {}
        if isinstance(self.connection, ssl.SSLSocket):
            subject = dict(part[0] for part in (self.connection.getpeercert() or {}).get("subject", ()))
            facts["tls"] = {
                "version": self.connection.version(),
                "alpn": self.connection.selected_alpn_protocol(),
                "caller": subject.get("commonName"),
            }
        return {
            **facts,
            "by": self.server.name,
            "pod": socket.gethostname(),
            "port": self.server.server_address[1],
            "path": self.path,
            "client": self.client_address[0],
            "headers": dict(self.headers),
        }

    def do_GET(self):
        self.server.count += 1
        if self.path == "/ws" and self.headers.get("Upgrade", "").lower() == "websocket":
            self.websocket()
        elif self.path == "/health":
            self.answer(b"ok\n", 503 if os.environ.get("NOT_READY") else 200)
        elif self.path == "/env":
            self.answer(dict(os.environ))
        elif self.path == "/load":
            self.answer({url: load.report() for url, load in self.server.loads.items()})
        else:
            if self.path.startswith("/slow/"):
                time.sleep(float(self.path[6:]))
            self.answer(self.me())

    def do_POST(self):
        self.server.count += 1
        body = self.body()
        if self.path == "/echo":
            return self.answer(body)
        if self.path == "/body":
            digest = hashlib.sha256(body).hexdigest()
            return self.answer({**self.me(), "bytes": len(body), "sha256": digest})
        words = json.loads(body or "{}")
        if self.path == "/ask":
            self.answer(request(**words))
        elif self.path == "/socket":
            self.answer(exchange(**words))
        elif self.path == "/load":
            self.server.loads[words["url"]] = Load(**words)
            self.answer({})
        elif self.path == "/load/stop":
            chosen = [words["url"]] if "url" in words else list(self.server.loads)
            loads = {url: self.server.loads.pop(url) for url in chosen if url in self.server.loads}
            self.answer({url: load.stop() for url, load in loads.items()})
        else:
            self.answer({"error": "there is nothing here"}, 404)

    def body(self):
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers
        return b"".join(parts)

    def websocket(self):
        """Answers messages until the other side ends it (RFC 6455)."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        while len(head := self.rfile.read(2)) == 2:
            kind, size = head[0] & 15, head[1] & 127
            if size > 125:
                size = int.from_bytes(self.rfile.read(2 if size == 126 else 8), "big")
            mask = self.rfile.read(4)
            data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(self.rfile.read(size)))
            if kind == 1:
                data = self.server.name.encode() + b": " + data
            answer = {8: 8, 9: 10}.get(kind, kind)
            length = bytes([len(data)]) if len(data) < 126 else b"\x7e" + len(data).to_bytes(2, "big")
            self.wfile.write(bytes([128 | answer]) + length + data)
            self.wfile.flush()
            if kind == 8:
                return

    def log_message(self, form, *values):
        if self.server.talks and "/health" not in form % values:
            print(f"{self.client_address[0]} {form % values}", flush=True)


class Server(ThreadingHTTPServer):
    """An HTTP server that counts its requests."""

    request_queue_size = 512
    daemon_threads = True
    count = 0
    talks = False

    def __init__(self, address, name, handler=Handler):
        self.name, self.loads = name, {}
        super().__init__(address, handler)

    def secure(self, certificates, callers=None):
        """Speaks TLS; with `callers` only to those who show a certificate of that authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(certificates, "tls.crt"), os.path.join(certificates, "tls.key"))
        context.set_alpn_protocols(["http/1.1"])
        if callers:
            context.load_verify_locations(callers)
            context.verify_mode = ssl.CERT_REQUIRED
        # The handshake is for the connection's own thread.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        return self

    def handle_error(self, *_):
        pass  # whoever hung up needs no answer


def echo(port, name, address=""):
    """Answers every connection's bytes with the same; `who?` with the name."""
    listener = socket.create_server((address, port), backlog=256)

    def talk(connection):
        with connection:
            while data := connection.recv(65536):
                connection.sendall(name.encode() if data == b"who?" else data)

    while True:
        threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()


def datagrams(port, name, address=""):
    """Answers every datagram with the same; `who?` with the name."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    while True:
        data, peer = server.recvfrom(65536)
        server.sendto(name.encode() if data == b"who?" else data, peer)


def main():
    # Process 1 of a container has no default actions.
    linger = float(os.environ.get("LINGER", 0))
    signal.signal(signal.SIGTERM, lambda *_: (time.sleep(linger), os._exit(0)))
    name = os.environ.get("NAME", "app")
    numbers = {kind: [int(word) for word in os.environ.get(kind, "").split()] for kind in ("HTTP", "HTTPS", "ECHO", "UDP")}
    for port in numbers["ECHO"]:
        threading.Thread(target=echo, args=(port, name), daemon=True).start()
    for port in numbers["UDP"]:
        threading.Thread(target=datagrams, args=(port, name), daemon=True).start()
    for variable, serve in (("INNER_ECHO", echo), ("INNER_UDP", datagrams)):
        for word in os.environ.get(variable, "").split():
            threading.Thread(target=serve, args=(int(word), name, "127.0.0.1"), daemon=True).start()
    Server.talks = True
    for port in numbers["HTTP"]:
        threading.Thread(target=Server(("", port), name).serve_forever, daemon=True).start()
    for port in numbers["HTTPS"]:
        server = Server(("", port), name).secure(os.environ["CERTIFICATES"], os.environ.get("CALLERS"))
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{name}: ready", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
