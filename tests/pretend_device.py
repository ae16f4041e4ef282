"""A device that is none, to train on where there is no GPU.

The CPU computes, but tensors of this device refuse what a GPU's refuse: company of tensors that
lie on the host, and numpy. What makes the host wait is counted, and autocast casts as CUDA's does.
"""

from collections import Counter
from contextlib import contextmanager
from functools import cache
from unittest import mock

import torch
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_map_only

from tests.cuda_autocast import map_tensors, register_autocast, tensors_in

NAME = 'pretend'
#: PyTorch's interface to devices written in Python is young, and goes before CUDA in the whole
#: process.
AVAILABLE = (
    hasattr(backend_registration, '_setup_privateuseone_for_python_backend')
    and not torch.cuda.is_available()
)
#: Operations that have the host wait for a result, or for the size of one.
WAITING = {
    '_local_scalar_dense', '_unique2', 'bincount', 'equal', 'masked_select', 'nonzero',
    'repeat_interleave', 'unique_consecutive', 'unique_dim',
}  # fmt: skip
WITHOUT_SCALARS = (
    'cat',
    'stack',
    'gather',
    'index_add',
    'index_add_',
    'scatter',
    'scatter_',
)
COPYING = ('copy_', '_to_copy')
INDEXING = ('index', 'index_put', 'index_put_', '_index_put_impl_')
waits = Counter()
#: Whether PyTorch is told that the device is there.
there = False


class PretendTensor(torch.Tensor):
    """A tensor of the device, which wraps the host's tensor with its values."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            inner.size(),
            strides=inner.stride(),
            storage_offset=inner.storage_offset(),
            dtype=inner.dtype,
            device=f'{NAME}:0',
        )

    def __init__(self, inner):
        self.inner = inner

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __repr__(self):
        return f'PretendTensor({self.inner})'

    def tolist(self):
        waits['tolist'] += 1
        return self.inner.tolist()

    def new_tensor(self, data, dtype=None, **kwargs):
        return torch.tensor(data, dtype=dtype or self.dtype).to(NAME)

    def numpy(self, **kwargs):
        raise TypeError(f'{NAME} tensors have no numpy: .cpu() first')

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return run(func, args, kwargs or {})


class Factories(TorchDispatchMode):
    """Creates tensors on the device that do not depend on others."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if str(kwargs.get('device')).startswith(NAME):
            return run(func, args, kwargs)
        return func(*args, **kwargs)


def run(func, args, kwargs):
    """Let the CPU compute an operation, unless a GPU would refuse it."""
    name = func.__name__.split('.')[0]
    made = kwargs.get('device') is not None
    onto = torch.device(kwargs['device']).type if made else NAME  # where the result is
    ours = [t for t in tensors_in((args, kwargs)) if isinstance(t, PretendTensor)]
    if ours and strangers(name, args, kwargs):
        raise RuntimeError(
            f'Expected all tensors to be on the same device, {NAME}: {name}'
        )
    if ours and (name in WAITING or picks_by_mask(name, args)):
        waits[name] += 1
    if name in COPYING and crosses(args, kwargs, onto):
        waits['copy'] += 1
    if ours and name in INDEXING and any(of_the_host(t) for t in tensors_in(args[1])):
        waits['index of the host'] += 1
    inside = {key: value for key, value in kwargs.items() if key != 'pin_memory'}
    if made:
        inside['device'] = 'cpu'
    args_inside, inside = map_tensors(without_device, (args, inside))
    result = func(*args_inside, **inside)
    if onto == 'cpu':
        return result
    result = map_tensors(PretendTensor, result)
    if made or not ours:
        return result
    return return_and_correct_aliasing(func, args, kwargs, result)


def without_device(tensor):
    return tensor.inner if isinstance(tensor, PretendTensor) else tensor


def strangers(name, args, kwargs):
    """Host tensors that must not be mixed with the device's."""
    if name in COPYING:
        return []
    if name in INDEXING and isinstance(args[0], PretendTensor):
        args = (args[0], *args[2:])  # indices may come from the host
    scalars = name not in WITHOUT_SCALARS  # which may come from the host
    tensors = filter(of_the_host, tensors_in((args, kwargs)))
    return [t for t in tensors if t.dim() or not scalars]


def of_the_host(tensor):
    return not isinstance(tensor, PretendTensor)


def picks_by_mask(name, args):
    """Whether the size of the result is known only when a mask on the device is."""
    if name not in INDEXING or (name != 'index' and args[2].numel() == 1):
        return False  # one value goes where a mask is without looking
    masks = [t for t in tensors_in(args[1]) if t.dtype == torch.bool]
    return any(isinstance(t, PretendTensor) for t in masks)


def crosses(args, kwargs, onto):
    """Whether a copy is between host and device and blocks."""
    if len(tensors_in(args)) == 2:  # copy_(self, source, non_blocking)
        sides = [of_the_host(t) for t in args[:2]]
        waited = not kwargs.get('non_blocking', args[2:] == (True,))
    else:  # _to_copy(self, ..., device=, non_blocking=)
        sides = [of_the_host(args[0]), onto != NAME]
        waited = not kwargs.get('non_blocking')
    return waited and sides[0] != sides[1]


class Module:
    """The module ``torch.<device>`` that PyTorch expects."""

    is_initialized = is_available = staticmethod(lambda: there)
    current_device = staticmethod(lambda: 0)
    device_count = staticmethod(lambda: int(there))
    manual_seed_all = staticmethod(lambda seed: None)
    _is_in_bad_fork = staticmethod(lambda: False)
    get_amp_supported_dtype = staticmethod(lambda: [torch.float16, torch.bfloat16])


@cache
def register():
    """Register the device with PyTorch, once per process."""
    hook = type(
        'Hook',
        (backend_registration._DummyPrivateUse1Hook,),
        dict(is_available=lambda self: there),
    )
    backend_registration._setup_privateuseone_for_python_backend(
        NAME, backend_module=Module, hook=hook()
    )
    return register_autocast(NAME)


@contextmanager
def pretend_device():
    """Make it the device that mmengine trains on.

    Yields:
        Counter: How often the host waited for the device, by what made it wait.
    """
    global there
    register()
    waits.clear()
    there = True
    try:
        with (
            Factories(),
            mock.patch('mmengine.device.utils.DEVICE', NAME),
            mock.patch.object(torch, 'save', saving_inner(torch.save)),
            mock.patch.object(torch, 'load', on_the_host(torch.load, 'map_location')),
            mock.patch.object(torch, 'tensor', on_the_host(torch.tensor, 'device')),
            mock.patch.object(
                torch, 'as_tensor', on_the_host(torch.as_tensor, 'device')
            ),
        ):
            yield waits
    finally:
        there = False


def saving_inner(save):
    """Let files contain plain tensors, like those saved on a GPU."""

    def saved(tree, *args, **kwargs):
        save(tree_map_only(PretendTensor, lambda t: t.inner, tree), *args, **kwargs)

    return saved


def on_the_host(make, where):
    """Let a function without a dispatcher create its tensors on the host first."""

    def made(source, *args, **kwargs):
        ours = str(kwargs.get(where)).startswith(NAME)
        if ours:
            kwargs[where] = 'cpu'
        result = make(source, *args, **kwargs)
        return (
            tree_map_only(torch.Tensor, lambda t: t.to(NAME), result)
            if ours
            else result
        )

    return made
