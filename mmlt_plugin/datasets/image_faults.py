"""Detects faulty image files."""

from __future__ import annotations

from PIL import Image

#: Modes of Pillow with more than 8 bits, which loading clips, mostly to white.
WIDE = ('I', 'F', 'I;16', 'I;16B', 'I;16L', 'I;16N')
#: How complete JPEG and PNG files begin and end.
MARKS = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND\xaeB`\x82'}


def fault_of(path: str, clips: bool = True, decode: bool = False) -> str | None:
    """What is wrong with an image file, or None.

    In general only the first and last bytes are read, so half a million files take minutes.
    A file is decoded if it does not end as it should, has another format or 16 bits, or with
    ``decode``.

    Args:
        path: The file.
        clips: Whether the images are loaded by Pillow, which clips more than 8 bits;
            OpenCV scales them.
        decode: Whether to decode every file, which also finds damage in the middle.

    Example:
        >>> from mmlt_plugin.datasets.image_faults import fault_of
        >>> fault_of('missing.jpg')
        'No such file or directory'
    """
    try:
        with open(path, 'rb') as file:
            head = file.read(26)
            file.seek(0, 2)
            file.seek(max(file.tell() - 64, 0))
            end = file.read()
        if not head:
            return 'empty'
        grey_of_16_bits = head[:2] == b'\x89P' and head[24:26] == b'\x10\x00'
        whole = head[:2] in MARKS and MARKS[head[:2]] in end
        if whole and not decode and not grey_of_16_bits:
            return None
        with Image.open(path) as image:
            image.load()
            if clips and image.mode in WIDE:
                return f'{image.mode} pixels would be clipped: convert it to 8 bits'
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return getattr(error, 'strerror', None) or str(error)
    return None
