"""How every script in ``tools/`` starts and ends."""

from __future__ import annotations

import argparse
import atexit
import errno
import io
import os
import re
import sys
import threading
from collections.abc import Callable
from urllib.error import URLError

import torch

from ..errors import ConfigError, TrainingError
from .explain import explain


def make_parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose ``--help`` begins with a script's docstring, line by line."""
    return argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def run_script(main: Callable[[], None]) -> None:
    """Run a script's ``main``; an error that users can fix is printed as one sentence.

    Args:
        main: The script. A :class:`ConfigError` or :class:`TrainingError`, an unknown type or
            argument in the config, a missing file, a failed download or a full disk is
            printed without a traceback, and the exit code is 2. Any other exception is
            raised.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names of files need not be UTF-8; print them somehow.
        sys.stdout.reconfigure(errors='backslashreplace')
    try:
        main()
        if torch.distributed.is_initialized():
            # At the interpreter's end, or while other ranks still run, gloo's threads can
            # abort the process, so all ranks end together here.
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()
            _leave()
    except URLError as error:
        sys.exit(
            _fail(
                f'a download failed ({error.reason}): put the file where the lines above '
                'say, or the files of a data set into its data_root'
            )
        )
    except (
        ConfigError,
        TrainingError,
        FileNotFoundError,
        PermissionError,
        SyntaxError,  # of a config
    ) as error:
        sys.exit(_fail(str(error) or repr(error)))
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        sentence = explain(error)
        if sentence is None:
            raise
        sys.exit(_fail(sentence))
    except OSError as error:
        full = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
        if error.errno not in full:
            raise
        sys.exit(
            _fail(
                f'{error.strerror} ({error.filename or "while writing"}): what was saved '
                'before is whole; make room and go on with --resume'
            )
        )


def _leave() -> None:
    """End a finished process without the interpreter's own shutdown.

    During that, C++ threads that still run Python may abort the process ("terminate called
    without an active exception"), and the launcher then reports the training as failed.
    Threads and exit functions, such as an upload or a log file to close, are completed here
    as the interpreter would.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _fail(message: str) -> int:
    if message.startswith('Caught '):  # in a dataloader worker, with its traceback
        message = re.split(r'^[\w.]+Error: ', message, flags=re.M)[-1]
    sentence = ' '.join(line.strip() for line in message.splitlines())
    print(f'error: {sentence.strip()}', file=sys.stderr)
    return 2
