"""Models from checkpoints: every config is parsed from its text, and nothing is executed."""

import pytest
import torch
from mmengine.config import Config
from mmpretrain.registry import MODELS

from mmlt_plugin.checkpoint_model import model_of_checkpoint, plain_assignments
from mmlt_plugin.errors import ConfigError
from tests.conftest import ROOT

LEAVES = [
    'reslt/resnet32_cifar100-lt-if100.py',
    'bbn/resnet32_cifar10-lt-if50.py',
    'lfme/resnet10_imagenet-lt_few.py',
    'oltr/resnet152_places-lt.py',
]


@pytest.mark.parametrize('leaf', LEAVES)
def test_text_of_a_config(leaf):
    cfg = Config.fromfile(ROOT / 'configs' / leaf)
    found, whole = plain_assignments(cfg.pretty_text), cfg.to_dict()
    for key in ('model', 'data_preprocessor'):
        assert found[key] == whole[key]


def test_model_and_weights(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs/lfme/resnet32_cifar100-lt-if100_few.py')
    model = MODELS.build({**cfg.model, 'data_preprocessor': cfg.data_preprocessor})
    model.head.set_class_counts([500, *range(5, 104)])
    meta = dict(cfg=cfg.pretty_text, epoch=7)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), tmp_path / 'a.pth')
    found, told = model_of_checkpoint(str(tmp_path / 'a.pth'))
    assert not found.training
    assert told['epoch'] == 7
    assert found.head.classes.tolist() == list(range(1, 16))
    inputs = torch.rand(2, 3, 32, 32)
    expected = model.eval()(inputs)[0]
    torch.testing.assert_close(found(inputs)[0], expected, rtol=0, atol=0)
    batch = dict(inputs=[torch.full((3, 32, 32), 200, dtype=torch.uint8)])
    torch.testing.assert_close(
        found.data_preprocessor(dict(batch))['inputs'],
        model.data_preprocessor(dict(batch))['inputs'],
    )


@pytest.mark.parametrize(
    'text',
    [
        "open({path!r}, 'w')",
        "model = dict(type=open({path!r}, 'w'))",
        "model = __import__('pathlib').Path({path!r}).touch()",
        'model = dict(',
        '',
    ],
)
def test_nothing_is_run(tmp_path, text):
    victim = tmp_path / 'victim'
    meta = dict(cfg=text.format(path=str(victim)))
    torch.save(dict(state_dict={}, meta=meta), tmp_path / 'a.pth')
    with pytest.raises(ConfigError, match='holds no config or no weights'):
        model_of_checkpoint(str(tmp_path / 'a.pth'))
    assert not victim.exists()
