"""Rebuild a model from its checkpoint alone."""

from __future__ import annotations

import ast
from typing import Any

from mmengine.runner import CheckpointLoader
from mmpretrain.registry import MODELS

from .errors import ConfigError


def model_of_checkpoint(path: str) -> tuple[Any, dict]:
    """Build the model whose config and weights a training's checkpoint holds.

    Args:
        path: A checkpoint saved by mmengine's Runner, which stores the config in it.

    Returns:
        tuple: The model in evaluation mode, on the CPU, and the checkpoint's ``meta``.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigError: The checkpoint has no config or no weights.
    """
    checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    meta = checkpoint.get('meta') or {}
    found = plain_assignments(str(meta.get('cfg', '')))
    if 'model' not in found or 'state_dict' not in checkpoint:
        raise ConfigError(
            f'checkpoint {path} holds no config or no weights: give one that '
            'tools/train.py saved'
        )
    settings = dict(found['model'])
    settings.setdefault('data_preprocessor', found.get('data_preprocessor'))
    model = MODELS.build(settings)
    model.load_state_dict(checkpoint['state_dict'])
    return model.eval(), meta


def plain_assignments(text: str) -> dict[str, Any]:
    """Top-level variables of a config's text that consist of literals and ``dict()``.

    Nothing is executed: a checkpoint may come from anybody, and mmengine's
    ``Config.fromstring`` would run its text.

    Args:
        text: Python, as ``Config.pretty_text`` writes it.

    Returns:
        dict: Values by name; variables that are no literals are left out.

    Example:
        >>> from mmlt_plugin.checkpoint_model import plain_assignments
        >>> plain_assignments('model = dict(depth=32, sizes=[1, -2]); a = open("x")')
        {'model': {'depth': 32, 'sizes': [1, -2]}}
    """
    found = {}
    try:
        statements = ast.parse(text).body
    except SyntaxError:
        return {}
    for statement in statements:
        if isinstance(statement, ast.Assign) and isinstance(
            target := statement.targets[0], ast.Name
        ):
            try:
                value = ast.literal_eval(_DictCalls().visit(statement.value))
            except ValueError:
                continue
            found[target.id] = value
    return found


class _DictCalls(ast.NodeTransformer):
    """Rewrites ``dict(a=1)`` as ``{'a': 1}``."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        by_name = isinstance(node.func, ast.Name) and node.func.id == 'dict'
        if not by_name or node.args or any(k.arg is None for k in node.keywords):
            return node
        keys: list[Any] = [ast.Constant(keyword.arg) for keyword in node.keywords]
        return ast.Dict(keys, [keyword.value for keyword in node.keywords])
