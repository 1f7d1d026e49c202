"""What a program at the workstation does: run as `python3 client.py CHECK ARGUMENTS…`, prints one JSON object.

`python3 client.py serve` reads checks from standard input, a JSON list of words in each line, and answers each in a line.
Every check is an ordinary program with ordinary sockets; the workstation's network is what is under test.
"""

import concurrent.futures
import hashlib
import http.client
import json
import os
import re
import socket
import ssl
import struct
import sys
import time
from urllib.parse import urlsplit


def connect(host, port, seconds=10):
    return socket.create_connection((host, int(port)), timeout=seconds)


def tcp(host, port, size="65536"):
    """Sends bytes to an echo port and compares what comes back."""
    data = os.urandom(int(size))
    got = bytearray()
    with connect(host, port) as connection:
        connection.sendall(data)
        while len(got) < len(data):
            chunk = connection.recv(65536)
            if not chunk:
                break
            got += chunk
    return {"same": bytes(got) == data, "bytes": len(got)}


def udp(host, port, size="1200"):
    """One datagram there and back, asked again where it was lost."""
    data = os.urandom(int(size))
    family, kind, proto, _, address = socket.getaddrinfo(host, int(port), socket.AF_INET, socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, proto) as connection:
        connection.settimeout(2)
        for attempt in range(3):
            connection.sendto(data, address)
            try:
                return {"same": connection.recv(65536) == data, "attempts": attempt + 1}
            except TimeoutError:
                continue
    return {"same": False, "attempts": 3}


def steady(host, port, seconds):
    """Says something ten times a second over one connection to an echo port, and compares what comes back."""
    end, count = time.monotonic() + float(seconds), 0
    with connect(host, port) as connection:
        connection.settimeout(20)
        while time.monotonic() < end:
            word = b"%015d\n" % count
            connection.sendall(word)
            got = b""
            while len(got) < len(word):
                chunk = connection.recv(len(word) - len(got))
                if not chunk:
                    return {"same": False, "count": count, "got": got.decode()}
                got += chunk
            if got != word:
                return {"same": False, "count": count, "got": got.decode()}
            count += 1
            time.sleep(0.1)
    return {"same": True, "count": count}


def refused(host, port, seconds="5"):
    """How `connect` to a port ends."""
    began = time.monotonic()
    try:
        with connect(host, port, float(seconds)) as connection:
            # Linux wakes who waits before it sets the error that an ICMP message tells: Python believes that moment.
            connection.getpeername()
        error = None
    except OSError as caught:
        error = type(caught).__name__
    return {"error": error, "seconds": time.monotonic() - began}


def halfclose(host, port):
    """Sends, shuts down writing, and reads the answer, which comes only after that."""
    with connect(host, port) as connection:
        connection.sendall(b"half-close")
        connection.shutdown(socket.SHUT_WR)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
    return {"answer": got.decode()}


def pattern(size):
    """The first `size` bytes of the sample's pattern: byte i is (i * 31 + i / 65536) mod 256."""
    base = bytes(i * 31 % 256 for i in range(256)) * 256
    blocks = []
    for block in range((size + 65535) // 65536):
        shift = block % 256
        blocks.append(base if not shift else base.translate(bytes((i + shift) % 256 for i in range(256))))
    return b"".join(blocks)[:size]


def upload(host, port, megabytes):
    """Sends bytes to the bulk port, which answers how many came and their sum."""
    data = pattern(int(megabytes) << 20)
    began = time.monotonic()
    with connect(host, port, 60) as connection:
        connection.sendall(b"up\n")
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    seconds = time.monotonic() - began
    words = [int(word) for word in re.findall(rb"\d+", answer)]
    return {"same": words == [len(data), sum(data)], "answer": answer.decode(), "seconds": seconds}


def download(host, port, megabytes):
    """Asks the bulk port for bytes, and compares all of them."""
    wanted = pattern(int(megabytes) << 20)
    began = time.monotonic()
    got = bytearray()
    with connect(host, port, 60) as connection:
        connection.sendall(f"down {len(wanted)}\n".encode())
        while chunk := connection.recv(1 << 20):
            got += chunk
    seconds = time.monotonic() - began
    digests = [hashlib.sha256(data).hexdigest() for data in (got, wanted)]
    return {"same": digests[0] == digests[1], "bytes": len(got), "wanted": len(wanted), "seconds": seconds}


def parallel(host, port, count):
    """Many connections at once, all open together, each echoing."""
    connections = [connect(host, port, 20) for _ in range(int(count))]

    def talk(pair):
        number, connection = pair
        data = f"connection {number}".encode() * 100
        connection.sendall(data)
        got = b""
        while len(got) < len(data):
            chunk = connection.recv(65536)
            if not chunk:
                break
            got += chunk
        connection.close()
        return got == data

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        good = sum(pool.map(talk, enumerate(connections)))
    return {"good": good}


def resolve(name):
    """What the resolver of the C library says."""
    try:
        return {"addresses": sorted({entry[4][0] for entry in socket.getaddrinfo(name, 80, socket.AF_INET)})}
    except socket.gaierror as error:
        return {"addresses": [], "error": str(error)}


def get(url, seconds="10", method="GET", size="0"):
    """One HTTP request on a connection of its own; a POST carries random bytes and tells whether the same came back."""
    parts = urlsplit(url)
    data = os.urandom(int(size)) if method == "POST" else None
    try:
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=float(seconds))
        connection.request(method, parts.path or "/", data, {"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "error": f"{type(error).__name__}: {error}"}
    answer = {"status": response.status, "error": None}
    return {**answer, "same": body == data} if data is not None else {**answer, "body": body.decode(errors="replace")}


def posts(url, count, size):
    """Many bodies there and back at once; how many came back the same."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: get(url, "30", "POST", size), range(int(count))))
    return {"same": sum(bool(answer.get("same")) for answer in answers), "answers": answers[:3]}


def tls(host, port):
    """What an HTTPS server answers to GET /version, its certificate not checked."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, int(port), timeout=10, context=context)
    connection.request("GET", "/version", headers={"Connection": "close"})
    response = connection.getresponse()
    return {"status": response.status, "body": response.read().decode(errors="replace")[:2000]}


def query(name, kind="A"):
    """A DNS question to the first nameserver of /etc/resolv.conf, as a resolver's own library would put it."""
    kinds = {"A": 1, "CNAME": 5, "PTR": 12, "TXT": 16, "AAAA": 28, "SRV": 33}
    with open("/etc/resolv.conf") as file:
        server = next(line.split()[1] for line in file if line.startswith("nameserver"))
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"
    message = struct.pack("!HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + question + struct.pack("!HH", kinds[kind], 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.settimeout(3)
        for _ in range(3):
            connection.sendto(message, (server, 53))
            try:
                answer = connection.recv(4096)
            except TimeoutError:
                continue
            flags, _, answers = struct.unpack("!HHH", answer[2:8])
            return {"code": flags & 15, "answers": answers}
    return {"code": None, "answers": 0}


def serve():
    """Answers checks until standard input ends."""
    for line in sys.stdin:
        try:
            name, *words = json.loads(line)
            answer = CHECKS[name](*words)
        except Exception as error:  # noqa: BLE001: whatever a check meets is its answer
            answer = {"exception": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


CHECKS = {
    function.__name__: function
    for function in (
        tcp, udp, steady, refused, halfclose, upload, download, parallel, resolve, get, posts, tls, query,
    )
}

if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        print(json.dumps(CHECKS[sys.argv[1]](*sys.argv[2:])))
