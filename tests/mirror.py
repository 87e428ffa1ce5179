"""A mirror on this machine, for tests of downloads."""

import time
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

PIECE = 2**11  # bytes sent at a time


@contextmanager
def served(answers, status=200, cut=0, asked=None, pause=0.0):
    """A mirror's address; `answers` by path, `cut` bytes short of what it announces.

    `asked` gets each path that is asked for; there are `pause` seconds after each piece.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if asked is not None:
                asked.append(self.path[1:])
            self.send_response(status)
            body = answers.get(self.path[1:], b"")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(OSError):  # whoever asked was killed
                for start in range(0, len(body) - cut, PIECE):
                    self.wfile.write(body[start : min(start + PIECE, len(body) - cut)])
                    time.sleep(pause)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=(0.01,)).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
