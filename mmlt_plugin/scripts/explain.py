"""Explains mistakes in a config's types and arguments in one sentence."""

from __future__ import annotations

import difflib
import inspect
import linecache
import re
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

import mmengine.runner
from torch.utils.data import DataLoader


def explain(error: BaseException) -> str | None:
    """Explain what is wrong in the config, if that is why a component could not be built.

    mmengine's registries pass on Python's message, which names neither the entry of the
    config nor what would be right.

    Args:
        error: The exception that a build raised, with its traceback.

    Returns:
        str | None: A sentence; None if the config is not to blame.

    Example:
        >>> import mmlt_plugin
        >>> from mmpretrain.registry import MODELS
        >>> from mmlt_plugin.scripts.explain import explain
        >>> try:
        ...     MODELS.build(dict(type='ResLTLoss', alhpa=0.9))
        ... except TypeError as error:
        ...     print(explain(error))
        ResLTLoss has no argument 'alhpa' (do you mean 'alpha'?); if an inherited config sets it, add _delete_=True
    """
    frames = list(_frames(error))
    builds = [f for f in frames if f.f_code.co_name == 'build_from_cfg']
    text = str(error)
    if not builds:
        return _explain_runner(text)
    build = builds[-1].f_locals
    wanted, arguments = build.get('obj_type'), build.get('args', {})
    if isinstance(error, (KeyError, RuntimeError)) and build.get('obj_cls') is None:
        if not re.search(
            r'is not in the .* registry|^Failed to get', text.strip('\'"')
        ):
            return None
        similar = _similar(
            str(wanted), getattr(build.get('registry'), 'module_dict', {})
        )
        return (
            f'type={wanted!r} is unknown{similar}; if it is no typo, custom_imports lacks '
            'its module'
        )
    name = getattr(wanted, '__name__', wanted)
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", text)
    if isinstance(error, TypeError) and unexpected and unexpected[1] in arguments:
        if unexpected[1] in (build.get('default_args') or {}):
            return f'{name} must take an argument {unexpected[1]!r}: mmengine passes it'
        similar = _similar(unexpected[1], _parameters(build['obj_cls']))
        return (
            f'{name} has no argument {unexpected[1]!r}{similar}; if an inherited config '
            'sets it, add _delete_=True'
        )
    missing = re.search(r'missing \d+ required .*arguments?: (.*)', text)
    if isinstance(error, TypeError) and missing and frames[-1] is builds[-1]:
        return f'{name} needs {missing[1]}: add it to the config'
    within = frames[frames.index(builds[-1]) + 1 :]
    if all(f.f_code.co_name == '__init__' for f in within) and _is_raised(error):
        # A constructor's message about its arguments: 'invalid depth 19 for resnet'.
        return f'{name}: ' + (text[1:-1] if isinstance(error, KeyError) else text)
    return None


def _is_raised(error: BaseException) -> bool:
    """Whether the code raised the error on purpose, with a message of its own."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or ' ' not in str(error):
        return False
    file = traceback.tb_frame.f_code.co_filename
    return linecache.getline(file, traceback.tb_lineno).strip().startswith('raise ')


def _explain_runner(text: str) -> str | None:
    """The same for arguments of parts that the runner builds without a registry."""
    found = re.search(
        r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'", text
    )
    component = found and {
        **vars(mmengine.runner), 'DataLoader': DataLoader
    }.get(found[1])  # fmt: skip
    if not found or component is None:
        return None
    similar = _similar(found[2], _parameters(component))
    return f'{found[1]} has no argument {found[2]!r}{similar}'


def _frames(error: BaseException) -> Iterator[FrameType]:
    traceback = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame
        traceback = traceback.tb_next


def _parameters(component: Any) -> Iterator[str]:
    """Names of a component's arguments, including those of its base classes."""
    for cls in getattr(component, '__mro__', [component]):
        maker = cls.__init__ if inspect.isclass(cls) else cls
        yield from inspect.signature(maker).parameters


def _similar(name: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, known, n=1)
    return f' (do you mean {found[0]!r}?)' if found else ''
