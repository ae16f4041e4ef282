"""The image files below a folder."""

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
    """Folders in a folder, sorted, without hidden ones; none where there is no folder.

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
    """Paths of the images at any depth below some folders, sorted.

    Hidden folders and files are left out, and links to where one was already; other files
    that are no images by their names are counted in a warning.

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
        linked = {os.path.realpath(folder)}
        for parent, inner, names in os.walk(folder, followlinks=True):
            inner[:] = [
                name
                for name in inner
                if not name.startswith('.') and _leads_on(parent, name, linked)
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
            f'{os.path.commonpath(folders)}: passed over {sum(passed_over.values())} files '
            f'that are no images by their names ({kinds})',
            'current',
            level=logging.WARNING,
        )
    return sorted(found)


def _leads_on(parent: str, name: str, linked: set[str]) -> bool:
    """Whether a folder is no link back to a folder above it, nor to one linked before."""
    path = os.path.join(parent, name)
    if not os.path.islink(path):
        return True
    target, here = os.path.realpath(path), os.path.realpath(parent)
    if target in linked or os.path.commonpath([target, here]) == target:
        return False
    linked.add(target)
    return True
