"""Configs of README and docs train, links lead somewhere, commands exist."""

import re

import mmpretrain.registry
import pytest
from mmengine.registry import Registry

import mmlt_plugin  # noqa: F401  registers the components
from tests.conftest import ROOT
from tests.documented import PAGES, TEXTS


def test_vit(save_documented, run_tool):
    output = run_tool(
        'train.py', save_documented('my_vit_reslt.py'),
        '--cfg-options', 'train_cfg.max_epochs=1', 'log_processor.window_size=1',
    )  # fmt: skip
    assert 'ResLTHead: groups of [3, 3, 4] classes' in output
    assert 'shot/few' in output


@pytest.mark.parametrize('flags', [[], ['--in-memory', '--amp']], ids=['', 'in memory'])
def test_new_style(save_documented, run_tool, tmp_path, flags):
    config = save_documented('my_new_style.py')
    options = ['--cfg-options', 'train_cfg.max_epochs=2', 'train_cfg.val_interval=2']
    trained = run_tool('train.py', config, *flags, *options)
    # Its copy has names in the place of the classes.
    work_dir = tmp_path / 'work'
    copy, checkpoint = work_dir / config.name, work_dir / 'epoch_2.pth'
    tested = run_tool('test.py', copy, checkpoint, work_dir=tmp_path / 'tested')
    found = [re.search(r'shot/micro: ([\d.]+)', text)[1] for text in (trained, tested)]
    assert found[0] == found[1]
    assert 'shot/few' in tested


def test_resnet18_on_cifar(cifar_root, save_documented, run_tool):
    output = run_tool(
        'train.py', save_documented('my_resnet18_reslt.py'), '--cfg-options',
        'train_cfg.max_epochs=1', 'train_dataloader.dataset.dataset.indices=600',
        'val_dataloader.dataset.indices=100', 'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0',
    )  # fmt: skip
    assert 'shot/all' in output


def test_mixture_on_cifar(cifar_root, save_documented, run_tool):
    output = run_tool(
        'train.py', save_documented('my_mixture.py', 'action_epoch=161', 'action_epoch=2'),
        '--cfg-options', 'train_cfg.max_epochs=2', 'train_dataloader.num_workers=0',
        'train_dataloader.dataset.dataset.indices=3000',
        'val_dataloader.dataset.indices=100', 'val_dataloader.num_workers=0',
        'log_processor.window_size=1', 'default_hooks.logger.interval=1',
    )  # fmt: skip
    assert 'Switch loss at epoch 2' in output
    assert 'loss_fusion' in output
    assert 'shot/all' in output


def test_bbn_on_cifar(cifar_root, save_documented, run_tool):
    base = 'my_resnet18_reslt.py'
    bbn = save_documented('my_resnet18_bbn.py', base, save_documented(base).name)
    output = run_tool(
        'train.py', bbn, '--cfg-options',
        'train_cfg.max_epochs=2', 'train_dataloader.dataset.dataset.indices=300',
        'val_dataloader.dataset.indices=100', 'train_dataloader.num_workers=0',
        'val_dataloader.num_workers=0', 'log_processor.window_size=1',
        'default_hooks.logger.interval=1',
    )  # fmt: skip
    assert 'alpha: 1.0000' in output
    assert 'alpha: 0.7500' in output
    assert 'shot/all' in output


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_commands(page):
    text = TEXTS[page]
    for target in re.findall(r'\]\((?!http)([^)#]+)', text):
        assert (page.parent / target).exists(), target
    for target, heading in re.findall(r'\]\((?!http)([^)#]*)#([^)]+)\)', text):
        linked = (page.parent / target).read_text() if target else text
        headings = re.findall(r'^#+ (.*)$', linked, re.M)
        assert heading in {anchor(found) for found in headings}
    makefile = (ROOT / 'Makefile').read_text()
    for command in re.findall(r'^make (\w+)', text, re.M):
        assert f'\n{command}:' in makefile
    for script in re.findall(r'tools/[\w/]+\.\w+', text):
        assert (ROOT / script).exists(), script


def anchor(heading):
    """What a heading is called in a link to it."""
    return re.sub(r'[^\w\- ]', '', heading.lower()).replace(' ', '-')


def test_every_component_is_on_its_page():
    page = TEXTS[ROOT / 'docs/components.md']
    ours = {
        name
        for registry in vars(mmpretrain.registry).values()
        if isinstance(registry, Registry)
        for name, part in registry.module_dict.items()
        if part.__module__.startswith('mmlt_plugin.')
    }
    assert {'ResLTHead', 'BBNHead', 'ShotSplitMetric', 'AutocastOptimWrapper'} < ours
    assert {name for name in ours if f'`{name}`' not in page} == set()
