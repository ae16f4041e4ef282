"""The choice of a head's number, such as tau, by a sweep."""

import re

import pytest
from head_sweep import check_setting

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.models import ResLTHead, TauNormHead, TDEHead
from tests.conftest import ROOT
from tests.engine.runs import TINY

CONFIG = f"""
_base_ = '{ROOT}/configs/ce/resnet20_digits-lt-if32.py'
model = dict(head=dict(type='TauNormHead'))
train_dataloader = dict(dataset=dict(holdout=10))
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='LongTailedDataset',
        subset='holdout',
        holdout=10,
        dataset=dict(
            type='Digits',
            split='train',
            pipeline=[dict(type='Resize', scale=16), dict(type='PackInputs')],
        ),
    )
)
"""


def test_sweep_of_tau(first_stage, run_tool, tmp_path):
    config = tmp_path / 'tau.py'
    config.write_text(CONFIG)
    output = run_tool(
        'analysis/head_sweep.py', config, first_stage / 'epoch_2.pth',
        'tau', '--values', '0', '0.5', '1', '--cfg-options', TINY[0],
    )  # fmt: skip
    rows = [line.split() for line in output.splitlines()]
    found = {row[0]: float(row[1]) for row in rows if row[:1] and row[0] in ('0', '0.5', '1')}  # fmt: skip
    assert len(found) == 3
    best = max(found, key=found.get)
    assert re.search(rf'model.head.tau={best}$', output, re.M)


def test_tau_is_not_chosen_on_test_images(first_stage, run_tool):
    output = run_tool(
        'analysis/head_sweep.py', 'configs/ce/resnet20_digits-lt-if32.py',
        first_stage / 'epoch_2.pth', 'tau', expect=2,
    )  # fmt: skip
    assert 'tau must not be chosen on test images' in output


def test_numbers_of_heads_that_can_be_swept():
    sizes = dict(num_classes=6, in_channels=8)
    check_setting(ResLTHead(**sizes), 'tau')  # None by default
    check_setting(TDEHead(**sizes), 'alpha')
    for setting in ('alpha', 'training', 'fc'):
        with pytest.raises(ConfigError, match=f"TauNormHead, which .* '{setting}'"):
            check_setting(TauNormHead(**sizes), setting)
