"""A TCP proxy between leat and a server that loses, slows or delays the requests a test picks."""
import socket
import struct
import threading
import time

SLOW_S, LATE_S = 2.5, 4


class Proxy:
    """`pick(request)` names what happens to a request: None, "lose" (the server does it, its answer and the connection
    are lost), "slow" (it goes on after a while), "late" (the connection is gone at once, the server gets it after a
    while). `framed`: requests have their size before them, as Kafka's; else each piece of bytes is one."""

    def __init__(self, target, pick, framed):
        self.target, self.pick, self.framed = target, pick, framed
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self.target, 10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            lost = threading.Event()
            threading.Thread(target=self.requests, args=(client, server, lost), daemon=True).start()
            threading.Thread(target=self.answers, args=(client, server, lost), daemon=True).start()

    def requests(self, client, server, lost):
        try:
            for request in self.read(client):
                fate = self.pick(request)
                if fate == "lose":
                    lost.set()
                elif fate == "slow":
                    time.sleep(SLOW_S)
                elif fate == "late":
                    shut(client)
                    time.sleep(LATE_S)
                server.sendall(request)
                if fate == "late":
                    time.sleep(1)
                    break
        except OSError:
            pass
        shut(client, server)

    def answers(self, client, server, lost):
        try:
            while data := server.recv(65536):
                if lost.is_set():
                    break
                client.sendall(data)
        except OSError:
            pass
        shut(client, server)

    def read(self, client):
        if not self.framed:
            while data := client.recv(65536):
                yield data
            return
        with client.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                yield head + stream.read(struct.unpack(">i", head)[0])


def shut(*sockets):
    for each in sockets:
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Picks:
    """Every `every`th request that `wanted` says yes to gets the next of `fates`, until there are none."""

    def __init__(self, wanted, fates, every=3):
        self.wanted, self.fates, self.every = wanted, list(fates), every
        self.seen, self.lock = 0, threading.Lock()

    def __call__(self, request):
        if not self.wanted(request):
            return None
        with self.lock:
            self.seen += 1
            if self.fates and self.seen % self.every == 0:
                return self.fates.pop(0)
        return None
