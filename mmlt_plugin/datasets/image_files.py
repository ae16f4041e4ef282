"""Finds the image files below a folder."""

from __future__ import annotations

import logging
import os
from collections import Counter
from pathlib import Path

from mmengine.logging import print_log

EXTENSIONS = (
    '.jpg', '.jpeg', '.jfif', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp',
)  # fmt: skip


def visible_folders(folder: Path) -> list[Path]:
    """Sorted subfolders without hidden ones; none if the folder does not exist.

    Example:
        >>> from mmlt_plugin.datasets.image_files import visible_folders
        >>> root = getfixture('tmp_path')
        >>> for name in ('dog', 'cat', '.cache'):
        ...     (root / name).mkdir()
        >>> [folder.name for folder in visible_folders(root)]
        ['cat', 'dog']
    """
    if not folder.is_dir():
        return []
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.is_dir() and not entry.name.startswith('.')
    ]


def find_images(folders: list[Path]) -> list[str]:
    """Sorted paths of the images at any depth below some folders.

    Hidden folders and files are skipped. Links are followed, but not to a folder above, and
    below each of the given folders every folder is read only once. Other files whose names
    are not those of images are counted in a warning.

    Args:
        folders: Where to look.

    Example:
        >>> from mmlt_plugin.datasets.image_files import find_images
        >>> root = getfixture('tmp_path')
        >>> (root / '.thumbnails').mkdir()
        >>> for name in ('2.JPG', '1.png', '.hidden.png', '.thumbnails/1.png'):
        ...     (root / name).touch()
        >>> [path.rpartition('/')[2] for path in find_images([root])]
        ['1.png', '2.JPG']
    """
    found = []
    passed_over: Counter[str] = Counter()
    for folder in folders:
        entered = {os.path.realpath(folder)}
        for parent, inner, names in os.walk(folder, followlinks=True):
            visible = (name for name in inner if not name.startswith('.'))
            inner[:] = [
                name
                for name in sorted(visible, key=lambda n: (_is_link(parent, n), n))
                if _is_new(parent, name, entered)
            ]
            for name in names:
                if name.startswith('.'):
                    continue
                if name.lower().endswith(EXTENSIONS):
                    found.append(os.path.join(parent, name))
                else:
                    passed_over[Path(name).suffix or name] += 1
    if passed_over:
        kinds = ', '.join(f'{kind} {n}' for kind, n in passed_over.most_common(5))
        print_log(
            f'{os.path.commonpath(folders)}: skipped {sum(passed_over.values())} files '
            f'whose names are not those of images ({kinds})',
            'current',
            level=logging.WARNING,
        )
    return sorted(found)


def _is_link(parent: str, name: str) -> bool:
    return os.path.islink(os.path.join(parent, name))


def _is_new(parent: str, name: str, entered: set[str]) -> bool:
    """Whether to enter a folder: not for the second time, nor by a link to one above."""
    target = os.path.realpath(os.path.join(parent, name))
    here = os.path.realpath(parent)
    if target in entered or os.path.commonpath([target, here]) == target:
        return False
    entered.add(target)
    return True
