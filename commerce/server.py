"""The real server: gunicorn inside this process, one command for everything."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from commerce import worker
from commerce.config import Config
from commerce.db import db
from commerce.web_worker import TRUST_NOBODY, Worker


def refuse_taken_port(config: Config) -> None:
    """Exit with one clear sentence when somebody else listens on our port."""
    for family, _, _, _, address in socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(address)
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    sys.exit(
                        f"Port {config.port} on {config.host} cannot be used ({error.strerror}). "
                        f"Choose another one: make run PORT={config.port + 1}"
                    )
                # An address family that this machine lacks is no reason to refuse.
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with threads: strict parser, clean shutdown, workers that come back when killed."""

    def __init__(self, app: Flask, config: Config) -> None:
        self._flask = app
        self._config = config
        super().__init__()

    def load_config(self) -> None:
        """Translate our configuration."""
        config = self._config
        settings: dict[str, Any] = {
            "bind": [
                f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}"
            ],
            "workers": config.web_processes,
            "worker_class": Worker,
            "threads": config.web_threads,
            "timeout": 30,
            "graceful_timeout": 30,
            "keepalive": 5,
            **TRUST_NOBODY,
            "max_requests": 0,
            # The heartbeat file lives in memory: a slow disk must not look like a dead worker.
            "worker_tmp_dir": "/dev/shm" if sys.platform == "linux" else None,  # noqa: S108
            "control_socket_disable": True,
            "loglevel": "warning",
            "proc_name": "lockstep",
            "post_worker_init": self._start_background,
        }
        for name, value in settings.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        """Return the app, built before the fork; connections of the parent are not shared with children."""
        with self._flask.app_context():
            db.engine.dispose(close=False)
        return self._flask

    def _start_background(self, _worker: Any) -> None:
        if self._config.worker_thread:
            stop = threading.Event()
            thread = threading.Thread(target=worker.run, args=(self._flask, stop), name="worker", daemon=True)
            thread.start()


def serve(app: Flask, config: Config) -> None:
    """Serve until stopped. Does not return."""
    Server(app, config).run()
