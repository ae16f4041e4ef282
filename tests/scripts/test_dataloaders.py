"""Dataloaders as the scripts prepare them."""

import pytest
from mmengine.config import Config

from mmlt_plugin.errors import ConfigError
from mmlt_plugin.scripts.dataloaders import prepare_dataloaders


def test_drop_last_beside_a_batch_sampler():
    class Arguments:
        no_pin_memory = False

    loader = dict(batch_sampler=dict(type='BilateralBatchSampler'), drop_last=True)
    with pytest.raises(ConfigError, match=r'batch_sampler\.drop_last'):
        prepare_dataloaders(
            Config(dict(train_dataloader=loader)), Arguments, ['train_dataloader']
        )
