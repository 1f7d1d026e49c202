"""Talks to an echo server over one connection, without a pause, until a file appears; prints how much came back.

usage: chatter.py HOST PORT STOP-FILE
"""

import os
import socket
import sys


def main():
    host, port, stop = sys.argv[1:4]
    rounds = 0
    with socket.create_connection((host, int(port)), 10) as peer:
        peer.settimeout(20)
        print("talking", flush=True)
        while not os.path.exists(stop):
            piece = bytes((rounds + index) % 251 for index in range(8000))
            peer.sendall(piece)
            got = b""
            while len(got) < len(piece):
                more = peer.recv(65536)
                if not more:
                    sys.exit(f"the connection ended after {rounds} rounds")
                got += more
            if got != piece:
                sys.exit(f"other bytes came back in round {rounds}")
            rounds += 1
    print(rounds)


main()
