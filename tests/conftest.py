"""Fixtures: real data if present, gloo processes, scripts run as users run them."""

import logging
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger

import mmlt_plugin  # noqa: F401 - registers everything
from tests import fast_mmengine
from tests.documented import CONFIGS, ROOT
from tests.gloo import GlooPool
from tests.pretend_device import AVAILABLE, pretend_device, register
from tests.trained import first_stage, trained  # noqa: F401 - fixtures
from tests.zygote import Zygote

# Lets a process fork after it has asked whether there is a GPU.
os.environ.setdefault('PYTORCH_NVML_BASED_CUDA_CHECK', '1')
# Lets a GPU compute the same twice.
os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')

torch.set_num_threads(1)
fast_mmengine.install()
if AVAILABLE:
    register()  # before the first gradient, when PyTorch counts devices


def pytest_addoption(parser):
    parser.addoption('--reliability', help='file for the table of kept promises')


def pytest_configure(config):
    config.promises = {}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Count the runs behind every promise."""
    report = (yield).get_result()
    marker = item.get_closest_marker('promise')
    if marker and report.when == 'call':
        row = item.config.promises.setdefault(
            marker.args[0], dict(tests=set(), faults=0, runs=0, lost=0)
        )
        row['tests'].add(f'{item.location[0]}::{item.originalname}')
        row['faults'] += dict(item.user_properties).get('faults', 0)
        row['runs'] += dict(item.user_properties).get('runs', 1)
        row['lost'] += not report.passed


def pytest_sessionfinish(session):
    path = session.config.getoption('--reliability')
    if path:
        write_promises(Path(path), session.config.promises)


def write_promises(path, promises):
    """Replace the table in the document by the tests' results."""
    lines = [
        '| promise | tested by | faults injected | runs | lost |',
        '|---|---|---|---|---|',
    ]
    for promise, row in promises.items():
        tests = '<br>'.join(f'`{test}`' for test in sorted(row['tests']))
        lines.append(
            f'| {promise} | {tests} | {row["faults"] or ""} | {row["runs"]} | {row["lost"]} |'
        )
    start, _, rest = path.read_text().partition('<!-- promises -->\n')
    end = rest.partition('<!-- end of promises -->')[2]
    table = '\n'.join(lines)
    path.write_text(f'{start}<!-- promises -->\n{table}\n<!-- end of promises -->{end}')


@pytest.fixture(scope='session')
def cifar_root():
    """Folder of the official CIFAR files; without them tests are skipped."""
    root = ROOT / 'data'
    for folder in ('cifar-10-batches-py', 'cifar-100-python'):
        if not (root / folder).is_dir():
            pytest.skip(f'real data: {folder} is not in data/')
    return str(root)


@pytest.fixture(scope='session')
def gloo2(tmp_path_factory):
    """Two gloo processes."""
    pool = GlooPool(2, str(tmp_path_factory.mktemp('gloo') / 'rendezvous'))
    yield pool
    pool.close()


@pytest.fixture(scope='session')
def zygote():
    """The process from which Python scripts are forked."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture
def warned(monkeypatch):
    """Texts of the warnings that are logged during the test."""
    texts = []

    def keep(_, record):
        if record.levelno >= logging.WARNING:
            texts.append(record.getMessage())

    monkeypatch.setattr(MMLogger, 'callHandlers', keep)
    return texts


@pytest.fixture
def on_pretend_device():
    """A device that, like a GPU, is not the host."""
    if not AVAILABLE:
        pytest.skip('needs a PyTorch that has devices written in Python, and no CUDA')
    with pretend_device():
        yield


@pytest.fixture
def off_the_host():
    """A device other than the host, if there is any."""
    with pretend_device() if AVAILABLE else nullcontext():
        yield


@pytest.fixture
def run_tool(tmp_path, zygote):
    """Run a script of tools/ in a process of its own, with tmp_path as work dir.

    ``work_dir=False`` is for scripts without one.
    """

    def run(script, *arguments, expect=0, work_dir=None):
        command = [str(ROOT / 'tools' / script), *map(str, arguments)]
        if work_dir is not False:
            command += ['--work-dir', str(work_dir or tmp_path / 'work')]
        env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHON': sys.executable}
        if script.endswith('.sh'):
            env['CUDA_VISIBLE_DEVICES'] = ''  # there may be fewer GPUs than processes
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=300,
            )
            code, output = done.returncode, done.stdout
        else:
            log = tmp_path / 'output_of_the_script.txt'
            code = zygote.run(command, str(ROOT), env, str(log), timeout=300)
            output = log.read_text()
        assert code == expect, output[-4000:]
        return output

    return run


@pytest.fixture
def save_documented(request):
    """Save a config of README or docs where users are told to, and remove it afterwards."""
    paths = []

    def write(name, old='', new=''):
        path = ROOT / f'test_{request.node.name}_{name}'
        assert old in CONFIGS[name]
        path.write_text(CONFIGS[name].replace(old, new))
        paths.append(path)
        return path

    yield write
    for path in paths:
        path.unlink()
