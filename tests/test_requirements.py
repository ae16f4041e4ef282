"""The pinned versions fit every Python that the README promises."""

import re
from importlib.metadata import PackageNotFoundError, metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.documented import ROOT

PINS = [
    Requirement(line)
    for line in (ROOT / 'requirements/constraints.txt').read_text().splitlines()
    if not line.startswith('#')
]
(PROMISED,) = re.findall(
    r'You need Python (\S+) to (\S+) and pip', (ROOT / 'README.md').read_text()
)
FIRST, LAST = (int(version.removeprefix('3.')) for version in PROMISED)


@pytest.mark.parametrize('pin', PINS, ids=str)
def test_a_pinned_release_runs_on_every_promised_python(pin):
    """A release that needs a newer Python is only pinned there."""
    try:
        installed = metadata(pin.name)
    except PackageNotFoundError:
        pytest.skip(f'{pin.name} is not installed')
    if installed['Version'] not in pin.specifier:
        pytest.skip(f'{pin.name} {installed["Version"]} is installed')
    for minor in range(FIRST, LAST + 1):
        environment = dict(
            python_version=f'3.{minor}', python_full_version=f'3.{minor}.0'
        )
        if pin.marker is None or pin.marker.evaluate(environment):
            needed = SpecifierSet(installed['Requires-Python'] or '')
            assert f'3.{minor}.99' in needed, f'{pin} on Python 3.{minor}'


def test_the_package_asks_for_the_same_pythons():
    text = (ROOT / 'pyproject.toml').read_text()
    assert f'requires-python = ">=3.{FIRST}"' in text
    assert (
        f'(3, {FIRST}) <= sys.version_info[:2] <= (3, {LAST})'
        in (ROOT / 'tools/make_env.py').read_text()
    )
