"""Child processes that end with their parent."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any


class ChildProcesses:
    """Run commands from any thread; a SIGTERM also ends them and prevents new ones.

    Ctrl-C reaches all processes of a terminal. ``kill``, a batch system or a container,
    however, end only the process they know, and the trainings it has started would go on.

    Example:
        >>> import sys
        >>> from mmlt_plugin.scripts.child_processes import ChildProcesses
        >>> children = ChildProcesses()
        >>> with children.ended_on_sigterm():
        ...     children.run([sys.executable, '-c', 'exit(3)'])
        3
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen] = set()
        self._ending = False

    def run(self, command: Sequence[str], **kwargs: Any) -> int:
        """Run a command and wait for it.

        Args:
            command: The command and its arguments.
            **kwargs: Arguments of ``subprocess.Popen``.

        Returns:
            int: Its exit status; negative if a signal ended or prevented it.
        """
        with self._lock:
            if self._ending:
                return -signal.SIGTERM
            child = subprocess.Popen(command, **kwargs)
            self._running.add(child)
        try:
            return child.wait()
        finally:
            with self._lock:
                self._running.discard(child)

    @contextmanager
    def ended_on_sigterm(self) -> Iterator[None]:
        """Within this context a SIGTERM ends the children and then this process."""

        def end(number: int, _: Any) -> None:
            with self._lock:  # never held by this thread
                self._ending = True
                for child in self._running:
                    child.terminate()
            sys.exit(128 + number)

        before = signal.signal(signal.SIGTERM, end)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, before)
