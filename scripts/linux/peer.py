#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""peer.py FILE: what network cards under test talk to.

Listens on two ports of the loopback address and prints their numbers: on the first one everybody
gets FILE, on the second one everybody may send and gets "BYTES MD5" of what came. Runs until it is
killed.
"""
import hashlib
import socketserver
import sys
import threading

CONTENT = b""


class Giver(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(CONTENT)


class Taker(socketserver.BaseRequestHandler):
    def handle(self):
        digest, size = hashlib.md5(), 0
        while data := self.request.recv(1 << 16):
            digest.update(data)
            size += len(data)
        self.request.sendall(f"{size} {digest.hexdigest()}\n".encode())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request, client_address):
        # A guest that was switched off in the middle is no news.
        pass


def main():
    global CONTENT
    with open(sys.argv[1], "rb") as file:
        CONTENT = file.read()
    servers = [Server(("127.0.0.1", 0), handler) for handler in (Giver, Taker)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    print(*[server.server_address[1] for server in servers], flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
