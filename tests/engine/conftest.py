"""Fixtures: trained experts."""

import pytest

from tests.engine.experts import expert_settings
from tests.engine.runs import make_runner


@pytest.fixture(scope='session')
def experts(tmp_path_factory):
    """Checkpoints of the digits' experts, one per split."""
    paths = []
    for split in ('many', 'medium', 'few'):
        work_dir = tmp_path_factory.mktemp(split)
        runner = make_runner(work_dir, **expert_settings(split))
        runner.train()
        paths.append(str(work_dir / 'epoch_3.pth'))
    return paths
