"""CUDA's autocast rules for another device."""

import re
from pathlib import Path

import torch

#: Where PyTorch lists the operations: those in the lower precision, in float32, and in the widest
#: type of their inputs. A norm's are of another form there.
HEADER = Path(torch.__file__).parent / 'include/ATen/autocast_mode.h'
LOWER = ('LOWER_PRECISION_FP',)
FLOAT32 = ('FP32', 'FP32_SET_OPT_DTYPE')
WIDEST = ('PROMOTE',)
NORMS = ['norm.Scalar', 'norm.ScalarOpt_dim']
KEY = 'AutocastPrivateUse1'


def register_autocast(device):
    """Have PyTorch cast before operations on a device written in Python.

    Returns:
        tuple: What the casts end with.
    """
    fallback, casts = (torch.library.Library(of, 'IMPL') for of in ('_', 'aten'))
    fallback.fallback(torch.library.fallthrough_kernel, KEY)
    for names, choose in (
        (listed(LOWER), lambda dtypes: torch.get_autocast_dtype(device)),
        (listed(FLOAT32) + NORMS, lambda dtypes: torch.float32),
        (listed(WIDEST), widest),
    ):
        for name in names:
            casts.impl(name, kernel(name, choose), KEY)
    return fallback, casts


def listed(macros):
    """Operations in lists of PyTorch's header."""
    text = HEADER.read_text()
    names = []
    for macro in macros:
        body = re.search(rf'define AT_FORALL_{macro}\(_\)((?:.*\\\n)+.*)', text)[1]
        for base, overload in re.findall(r'_\((\w+)(?:, (\w+))?\)', body):
            if overload != 'deprecated':
                names.append('.'.join(filter(None, (base, overload))))
    return names


def kernel(name, choose):
    """An operation whose inputs are first cast to a common type chosen from theirs."""
    base, _, overload = name.partition('.')
    func = getattr(getattr(torch.ops.aten, base), overload or 'default')
    autocast = torch._C.DispatchKeySet(getattr(torch._C.DispatchKey, KEY))

    def compute(*args, **kwargs):
        floats = [t for t in tensors_in((args, kwargs)) if t.is_floating_point()]
        told = any(isinstance(x, torch.dtype) for x in (*args, *kwargs.values()))
        with torch._C._ExcludeDispatchKeyGuard(autocast):
            if floats and not told:
                dtype = choose([t.dtype for t in floats])
                args, kwargs = map_tensors(lambda t: cast(t, dtype), (args, kwargs))
            return func(*args, **kwargs)

    return compute


def cast(tensor, dtype):
    single = tensor.is_floating_point() and tensor.dtype != torch.float64
    return tensor.to(dtype) if single else tensor


def widest(dtypes):
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).bits)


def tensors_in(tree):
    """All tensors among an operation's arguments; faster than PyTorch's own for any tree."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    if isinstance(tree, dict):
        tree = tree.values()
    elif not isinstance(tree, (list, tuple)):
        return []
    return [tensor for item in tree for tensor in tensors_in(item)]


def map_tensors(function, tree):
    """The same arguments with a function applied to every tensor."""
    if isinstance(tree, torch.Tensor):
        return function(tree)
    if isinstance(tree, dict):
        return {key: map_tensors(function, item) for key, item in tree.items()}
    if isinstance(tree, (list, tuple)):
        return type(tree)([map_tensors(function, item) for item in tree])
    return tree
