"""A server whose answers are chosen by hand."""

from threading import Thread

from app.server import open_listener


class Scripted:
    """A server that gives each connection the next of these answers, in pieces, and closes it."""

    def __init__(self, *answers):
        self.listener = open_listener("127.0.0.1", 0)
        self.requests = []
        self._answers = answers
        self._thread = Thread(
            target=self._run, daemon=True
        )  # a client that does not come back holds nothing up

    def _run(self):
        for answer in self._answers:
            connection, _ = self.listener.accept()
            connection.settimeout(10)
            received = b""
            while not received.endswith(b"--\r\n"):
                received += connection.recv(65536)
            self.requests.append(received)
            for piece in answer:
                connection.sendall(piece)
            connection.close()

    def __enter__(self):
        self._thread.start()
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def __exit__(self, *_):
        self._thread.join(10)
        self.listener.close()
