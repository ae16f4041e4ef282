"""The examples in the hooks' docstrings are configs that build."""

import pytest
from mmengine.hooks import Hook
from mmpretrain.registry import HOOKS

from mmlt_plugin import engine

EXAMPLES = {
    name: part.__doc__.partition('Example:')[2]
    for name, part in vars(engine).items()
    if isinstance(part, type)
    if issubclass(part, Hook)
    if 'default_hooks' in part.__doc__
    if name != 'FolderVisualizationHook'  # wants a running visualizer
}


@pytest.mark.parametrize('name', EXAMPLES)
def test_example(name):
    lines = [line.strip() for line in EXAMPLES[name].splitlines()]
    code = '\n'.join(line[4:] for line in lines if line.startswith(('>>> ', '... ')))
    found = {}
    exec(code, found)
    hooks = [HOOKS.build(hook) for hook in found['default_hooks'].values()]
    assert name in [type(hook).__name__ for hook in hooks]
