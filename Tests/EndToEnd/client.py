"""What a program at the workstation does: run as `python3 client.py CHECK ARGUMENTS…`, prints one JSON object.

Every check is an ordinary program with ordinary sockets; the workstation's network is what is under test.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import socket
import sys
import time


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


def refused(host, port, seconds="5"):
    """How `connect` to a port ends."""
    began = time.monotonic()
    try:
        connect(host, port, float(seconds)).close()
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


if __name__ == "__main__":
    checks = {
        function.__name__: function
        for function in (tcp, udp, refused, halfclose, upload, download, parallel, resolve)
    }
    print(json.dumps(checks[sys.argv[1]](*sys.argv[2:])))
