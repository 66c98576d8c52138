"""A TCP proxy whose way can be cut: nothing passes any more (silent), or nobody listens (refused)."""
import select, socket, threading, time

PAUSE = 0.02


class Proxy:
    def __init__(self, target):
        self.target, self.mode, self.port = target, "open", 0
        threading.Thread(target=self.serve, daemon=True).start()
        while not self.port:
            time.sleep(PAUSE)

    def serve(self):
        while True:
            with socket.socket() as listener:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.bind(("127.0.0.1", self.port))
                listener.listen()
                listener.settimeout(PAUSE)
                self.port = listener.getsockname()[1]
                while self.mode != "refused":
                    self.accept(listener)
            while self.mode == "refused":
                time.sleep(PAUSE)

    def accept(self, listener):
        if self.mode == "silent":
            return time.sleep(PAUSE)
        try:
            client = listener.accept()[0]
            client.setblocking(True)
            server = socket.create_connection(self.target)
        except OSError:
            return None
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self.pump, args=(source, sink), daemon=True).start()
        return None

    def pump(self, source, sink):
        """What was received before a silence goes on after it."""
        data = None
        while data != b"" and self.mode != "refused":
            if self.mode == "silent":
                time.sleep(PAUSE)
                continue
            try:
                if select.select([source], [], [], PAUSE)[0]:
                    data = source.recv(1 << 16)
                    sink.sendall(data)
            except (OSError, ValueError):  # the other direction closed it
                break
        for end in (source, sink):
            end.close()
