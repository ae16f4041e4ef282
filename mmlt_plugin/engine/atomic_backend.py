"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

#: Suffix of a file while it is being written.
SUFFIX = '.unfinished'


class AtomicBackend(LocalBackend):
    """A local file backend for mmengine that writes to another name, syncs, then renames.

    A process killed at any moment leaves either the complete old file or the complete new
    one. ``backend_args=dict(backend='atomic')`` selects it wherever mmengine writes.

    Example:
        >>> import tempfile
        >>> from mmlt_plugin.engine.atomic_backend import AtomicBackend
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     AtomicBackend().put(b'weights', f'{folder}/epoch_1.pth')
        ...     os.listdir(folder)
        ['epoch_1.pth']
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write bytes."""
        target = Path(filepath)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(target.name + SUFFIX)
        try:
            with open(unfinished, 'wb') as file:
                file.write(obj)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, target)
        except OSError:
            unfinished.unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        """Write text."""
        self.put(obj.encode(encoding), filepath)


def _sync_folder(folder: Path) -> None:
    """Make a renaming durable, if the system can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows cannot open folders
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


register_backend('atomic', AtomicBackend, force=True)
