"""Create the virtual environment of `make demo` and `make test` if necessary.

    python3 tools/make_env.py                              .venv, OpenMMLab's packages
    python3 tools/make_env.py .venv-onedl requirements/onedl.txt       their forks

Needs only Python 3.10 to 3.13 and pip. If the requirement files have not changed since the
environment was created, it does nothing.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DEV = ROOT / 'requirements' / 'dev.txt'
CONSTRAINTS = ROOT / 'requirements' / 'constraints.txt'

# PyPI's torchvision for Linux is built for CUDA. Beside a CPU-only torch its operators
# are missing and its import fails while it describes them; without that file of
# descriptions it works, and nothing in image classification calls the operators.
REPAIR_TORCHVISION = """
import importlib.util, pathlib, torch
if torch.version.cuda is None:
    try:
        import torchvision
    except RuntimeError as error:
        if 'torchvision::' not in str(error):
            raise
        folder = importlib.util.find_spec('torchvision').submodule_search_locations[0]
        pathlib.Path(folder, '_meta_registrations.py').write_text('')
"""


def main(venv: Path, requirements: Path) -> None:
    """Create ``venv`` with the packages of ``requirements`` and this project."""
    if not (3, 10) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            f'error: Python {sys.version.split()[0]} will not do, OpenMMLab needs 3.10 to '
            '3.13: make PYTHON=python3.11 ...'
        )
    sources = [requirements, DEV, CONSTRAINTS, ROOT / 'pyproject.toml', Path(__file__)]
    content = b''.join(source.read_bytes() for source in sources)
    stamp = hashlib.sha256(content + sys.version.encode()).hexdigest()
    stamp_file = venv / 'made-from'
    if stamp_file.exists() and stamp_file.read_text() == stamp:
        return
    print(f'making {venv.name} from {requirements.name}, once, a minute or more ...')
    make_venv(venv)
    python = str(venv / 'bin' / 'python')
    pip = [python, '-m', 'pip', 'install', '-q', '--disable-pip-version-check']
    subprocess.run(
        [*pip, '-r', str(requirements), '-r', str(DEV), '-c', str(CONSTRAINTS)],
        check=True,
    )
    subprocess.run([*pip, '--no-deps', '-e', str(ROOT)], check=True)
    subprocess.run([python, '-c', REPAIR_TORCHVISION], check=True)
    stamp_file.write_text(stamp)


def make_venv(venv: Path) -> None:
    """Create an empty environment, even if venv is missing, as on Debian."""
    # On top of another Python's it would be a mixture of both.
    clear = ['--clear'] if version_of(venv) not in (None, sys.version) else []
    done = subprocess.run(
        [sys.executable, '-m', 'venv', *clear, str(venv)],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pip = [sys.executable, '-m', 'pip', 'install', '-q', '--user', 'virtualenv']
        virtualenv = [sys.executable, '-m', 'virtualenv', '-q', *clear, str(venv)]
        if subprocess.run(pip).returncode or subprocess.run(virtualenv).returncode:
            sys.exit(f'error: no virtual environment could be made: {done.stdout}')


def version_of(venv: Path) -> str | None:
    """``sys.version`` of an environment's Python, empty if broken, None without one."""
    python = venv / 'bin' / 'python'
    if not python.is_symlink() and not python.exists():
        return None
    command = [str(python), '-c', 'import sys; print(sys.version, end="")']
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout
    except OSError:  # its Python is gone
        return ''


if __name__ == '__main__':
    arguments = sys.argv[1:] or ['.venv', 'requirements.txt']
    try:
        main(*[ROOT / argument for argument in arguments])
    except subprocess.CalledProcessError as error:
        sys.exit(f'error: {" ".join(error.cmd[:4])} ... failed, see above')
