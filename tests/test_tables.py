"""Which runs the tables include, and what they show."""

import json
from copy import deepcopy

import config_results
import pytest
import tables
from mmengine.config import Config

from mmlt_plugin.settings import recipe
from tests.conftest import ROOT

CONFIG = 'configs/ce/resnet20_digits-lt-if32.py'


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder of results of one config."""
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.setattr(config_results, 'ROOT', tmp_path)
    folder = tmp_path / 'results/ce'
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def run(results):
    """A run of the config as it is."""
    now = recipe(Config.fromfile(ROOT / CONFIG).to_dict())
    return dict(config=CONFIG, complete=True, other_settings=[], recipe=now)


def test_runs_of_the_config_as_it_is_come_first(results, run, tmp_path):
    config = tmp_path / CONFIG
    before = deepcopy(run)
    before['recipe']['param_scheduler.1.gamma'] = 0.5
    assert config_results.runs_of(config) == ([], [])

    for seed in range(2):
        (results / f'{seed}.json').write_text(json.dumps(before))
    runs, changed = config_results.runs_of(config)
    assert len(runs) == 2
    assert 'param_scheduler.1.gamma: 0.5 -> 0.1' in changed

    (results / '2.json').write_text(json.dumps(run))
    runs, changed = config_results.runs_of(config)
    assert [found['recipe'] for found in runs] == [run['recipe']]
    assert changed == []


def test_table_of_shots(results, run, tmp_path):
    for seed, accuracy in enumerate((60.0, 62.0, 64.0)):
        run['last'] = dict(all=accuracy, many=90.0, medium=2 * seed)
        (results / f'{seed}.json').write_text(json.dumps(run))
    name = 'resnet20_digits-lt-if32.py'
    table = tables.shots_table(
        tmp_path / 'configs/reslt', [f'../ce/{name}', f'../*/{name}']
    )
    row = f'| [CE](../ce/{name}) | 62.00 ± 2.00 | 90.00 ± 0.00 | 2.00 ± 2.00 |  | 3 |'
    assert table.splitlines()[2:] == [row], 'others were not run'


def test_a_recipe_has_batch_size_and_optimizer():
    loader = dict(batch_size=32, num_workers=2)
    assert recipe(dict(train_dataloader=loader)) == {'train_dataloader.batch_size': 32}
    wrapper = dict(type='OptimWrapper', optimizer=dict(lr=0.1))
    assert recipe(dict(optim_wrapper=wrapper)) == {'optim_wrapper.optimizer.lr': 0.1}
