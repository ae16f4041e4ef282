"""Converts weights of other code bases."""

from __future__ import annotations

import torch

from ..errors import ConfigError
from ..weights import IGNORED

#: Prefixes of names in the papers' code, and ours.
RENAMED = {
    'cb_block.': 'neck.conventional.',
    'rb_block.': 'neck.rebalancing.',
    'classifier.': 'head.fc.',
    'linear.': 'head.fc.',
    'fc.': 'head.fc.',
}

State = dict[str, torch.Tensor]


def convert_state_dict(source: State, target: State) -> tuple[State, list[str]]:
    """Rename the tensors of another code base after a model of ours.

    First come names that match, after translation from those of the released ResLT and BBN
    code. The rest is matched in order, provided that all shapes and last parts of the names
    agree. The batch normalisations of ResLT's CIFAR branches become rows of one layer.

    Args:
        source: State dict of the other code base.
        target: State dict of the model.

    Returns:
        tuple: The complete converted state dict, and one line for each renamed tensor.

    Raises:
        ConfigError: A tensor has no counterpart, or another shape.

    Example:
        >>> import torch
        >>> from mmlt_plugin.scripts.convert import convert_state_dict
        >>> source = {'module.classifier.weight': torch.ones(2, 3)}
        >>> convert_state_dict(source, {'head.fc.weight': torch.zeros(2, 3)})[1]
        ['head.fc.weight <- module.classifier.weight']
    """
    wanted = {n: t for n, t in target.items() if not n.endswith(IGNORED)}
    left = {n: t for n, t in source.items() if not n.endswith(IGNORED)}
    found: State = {}
    report = []

    def take(ours: str, theirs: str) -> None:
        found[ours] = left.pop(theirs)
        if ours != theirs:
            report.append(f'{ours} <- {theirs}')

    for theirs in list(left):
        for ours in candidates(theirs):
            if ours in wanted and ours not in found:
                if left[theirs].shape != wanted[ours].shape:
                    raise ConfigError(
                        f'{theirs} has the shape {tuple(left[theirs].shape)}, the '
                        f"model's {ours} {tuple(wanted[ours].shape)}: the config is of "
                        'another net or number of classes'
                    )
                take(ours, theirs)
                break
    report += merge_branch_norms(left, wanted, found)
    missing = [name for name in wanted if name not in found]
    if kinds({name: wanted[name] for name in missing}) != kinds(left):
        raise ConfigError(
            f'{len(missing)} tensors of the model and {len(left)} of the checkpoint have '
            f'no counterpart: {", ".join(missing[:3]) or "none"} / '
            f'{", ".join(list(left)[:3]) or "none"}; the config is of another net'
        )
    for ours, theirs in zip(missing, list(left)):
        take(ours, theirs)
    zero = torch.zeros((), dtype=torch.int64)
    return {name: found.get(name, zero) for name in target}, report


def kinds(tensors: State) -> list[tuple[str, torch.Size]]:
    """Last part of the name and shape of every tensor."""
    return [(name.rpartition('.')[2], t.shape) for name, t in tensors.items()]


def candidates(name: str) -> list[str]:
    """Possible names here of a tensor of another code base, best first."""
    names = [name]
    parts = name.split('.')
    for start in range(len(parts)):  # without module., backbone., net., ...
        rest = '.'.join(parts[start:])
        names += [rest, f'backbone.{rest}']
        names += [
            ours + rest.removeprefix(theirs)
            for theirs, ours in RENAMED.items()
            if rest.startswith(theirs)
        ]
    return names


def merge_branch_norms(left: State, wanted: State, found: State) -> list[str]:
    """Merge several batch normalisations of the same map into rows of one layer."""
    rows = wanted.get('head.branches.affine.weight')
    norms = [n.removesuffix('running_mean') for n in left if n.endswith('running_mean')]
    if rows is None or len(norms) != len(rows):
        return []
    for name in ('running_mean', 'running_var'):
        values = [left.pop(norm + name) for norm in norms]
        if any(not torch.allclose(value, values[0], rtol=1e-3) for value in values):
            raise ConfigError(
                f'the {name} of {", ".join(norms)} differ, although they normalise the '
                "same map: these are no branches of ResLT's CIFAR net"
            )
        found[f'head.branches.norm.{name}'] = values[0]
    for name in ('weight', 'bias'):
        stacked = torch.stack([left.pop(norm + name) for norm in norms])
        found[f'head.branches.affine.{name}'] = stacked
    return [f'head.branches <- {", ".join(norms)}']
