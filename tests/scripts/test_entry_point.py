"""How scripts end: with a sentence, or as a whole process group."""

import subprocess
import sys

import pytest

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.entry_point import run_script

LAST_WORDS = """
import atexit, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import torch.distributed
from mmlt_plugin.scripts.entry_point import run_script

folder = Path(sys.argv[1])

def upload():
    time.sleep(0.5)
    (folder / 'uploaded').touch()

def main():
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meet', rank=0, world_size=1)
    ThreadPoolExecutor().submit(upload)
    atexit.register((folder / 'closed').touch)
    sys.stdout.write('done')

run_script(main)
raise SystemExit('the interpreter went on')
"""


def test_a_rank_that_is_done_loses_nothing(tmp_path):
    found = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', LAST_WORDS, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.endswith('done')
    assert (tmp_path / 'uploaded').exists()
    assert (tmp_path / 'closed').exists()


@pytest.mark.parametrize(
    ('message', 'shown'),
    [
        ('image a.jpg cannot be read\n  (so it is)\n', 'image a.jpg cannot be read (so it is)'),
        ('', "ConfigError('')"),
        (
            'Caught ConfigError in DataLoader worker process 0.\nOriginal Traceback (most '
            'recent call last):\n  File "a.py", line 3\nValueError: first\n\nThe above '
            'exception was the direct cause:\n\nmmlt_plugin.errors.ConfigError: image a '
            'cannot\nbe read\n',
            'image a cannot be read',
        ),
    ],
)  # fmt: skip
def test_messages_of_several_lines(message, shown, capsys):
    def main():
        raise ConfigError(message)

    with pytest.raises(SystemExit):
        run_script(main)
    assert capsys.readouterr().err == f'error: {shown}\n'


def test_names_that_are_not_utf8_are_printed(capsys):
    run_script(lambda: print('caf\udce9.jpg: empty'))
    assert capsys.readouterr().out == 'caf\\udce9.jpg: empty\n'
